# Copyright (c) mmteso contributors. All rights reserved.
"""Files of features that know where their numbers come from.

A safetensors file holds one vector per key and says in its metadata which
encoder with which weights made them. Two kinds: 'audio', a vector for each
frame under ``{uid}/{frame}``, and 'cue_bank', one for each different cue
under its phrase.
"""
import dataclasses
import json
import os
import shlex
from typing import Any, Dict, Iterable, Iterator, Mapping, Optional, Sequence

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from .files import write_file
from .phrases import normalize_phrase

FORMAT = 'mmteso-features/1'
KINDS = ('audio', 'cue_bank')
_NAMED = 20  # phrases that a message names; the command adds all of them
_TOOL = 'python tools/extract_text_features.py CONFIG'


class FeatureFileError(ValueError):
    """A feature file that isn't one, or isn't the expected one."""


class MissingPhrasesError(KeyError):
    """Cues that a bank has no features of."""

    def __str__(self) -> str:
        # KeyError's own escapes quotes, and the command is to be copied
        return str(self.args[0])


def feature_key(uid: str, frame: int) -> str:
    """Key of a frame's vector: ``{uid}/{frame}``."""
    return f'{uid}/{frame}'


@dataclasses.dataclass(frozen=True)
class Provenance:
    """Where the features of a file come from."""
    kind: str  #: 'audio' or 'cue_bank'.
    encoder: str  #: Its name.
    #: SHA-256 of the weights' file, in hex; '' for an encoder without weights.
    weights_hash: str
    dims: int  #: Length of a feature, D.
    #: Anything else that changes the numbers, in plain JSON types, e.g.
    #: ``dict(clip_hop=1.0)`` or ``dict(scaled=True)``.
    settings: Dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if self.kind not in KINDS or not self.encoder or self.dims < 1:
            raise ValueError(f'kind must be one of {KINDS}, encoder a name '
                             f'and dims positive, but got {self}')

    def to_metadata(self) -> Dict[str, str]:
        """As safetensors' metadata, strings by string."""
        return dict(
            dataclasses.asdict(self),
            format=FORMAT,
            dims=str(self.dims),
            settings=json.dumps(self.settings, sort_keys=True))

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> 'Provenance':
        """Inverse of :meth:`to_metadata`; a ValueError if something is missing
        or of another format."""
        if metadata.get('format') != FORMAT:
            raise ValueError(f'its format is {metadata.get("format")!r}, '
                             f'expected {FORMAT!r}')
        names = {field.name for field in dataclasses.fields(cls)}
        if names - metadata.keys():
            raise ValueError(f'it lacks {sorted(names - metadata.keys())}')
        values: Dict[str, Any] = {name: metadata[name] for name in names}
        values.update(
            dims=int(values['dims']), settings=json.loads(values['settings']))
        if not isinstance(values['settings'], dict):
            raise ValueError(f'its settings are {values["settings"]!r:.80}')
        return cls(**values)


def write_feature_file(path: str, features: Mapping[str, Tensor],
                       provenance: Provenance) -> None:
    """Write features with their provenance, whole or not at all.

    They are floats (D) by ``{uid}/{frame}``, or by phrase for a cue bank; a
    FeatureFileError if one has another shape, isn't of floats or holds a value
    that isn't finite.
    """
    tensors = {}
    for key, feature in features.items():
        _check_feature(path, key, feature, provenance.dims)
        # Features are often views of a batch; safetensors refuses to store
        # tensors that share memory.
        tensors[key] = feature.detach().cpu().contiguous().clone()
    data = safetensors.torch.save(tensors, provenance.to_metadata())
    # safetensors writes the metadata in any order: brought into one, the same
    # features give the same bytes
    size = int.from_bytes(data[:8], 'little')
    header = json.loads(data[8:8 + size])
    header['__metadata__'] = dict(sorted(header['__metadata__'].items()))
    text = json.dumps(header, separators=(',', ':'), ensure_ascii=False)
    write_file(path,
               data[:8] + text.encode().ljust(size) + data[8 + size:])


def _check_feature(path: str, key: str, feature: Tensor, dims: int) -> None:
    if (tuple(feature.shape) != (dims, ) or not feature.is_floating_point()
            or not torch.isfinite(feature).all()):
        raise FeatureFileError(
            f'The feature "{key}" of "{path}" must be {dims} finite floats, '
            f'but is {feature.dtype} of {tuple(feature.shape)} between '
            f'{feature.min()} and {feature.max()}. Extract it anew.')


class FeatureFile(Mapping):
    """The features of a file by key.

    Tensors are read when they are asked for, so every worker of a data
    loader can have the file open at no cost in memory.

    Args:
        path (str): The file.
        expect (dict, optional): What the provenance must say, any of
            ``kind``, ``encoder``, ``weights_hash``, ``dims`` and
            ``settings``; of the settings only the given ones are compared.
            Defaults to None.

    Attributes:
        provenance (Provenance): Where the features come from.

    Raises:
        FileNotFoundError: If there is no such file.
        FeatureFileError: If it isn't a feature file, or its provenance isn't
            the expected one.
    """

    def __init__(self, path: str, expect: Optional[dict] = None) -> None:
        self.path = path
        self._file: Any = None
        metadata = self._open().metadata() or {}
        self._keys = dict.fromkeys(self._open().keys())
        try:
            self.provenance = Provenance.from_metadata(metadata)
        except ValueError as error:
            raise FeatureFileError(
                f'"{path}" is no feature file of mmteso: {error}. Extract the '
                'features anew.') from error
        self._check(expect or {})

    def _open(self):
        if self._file is None:
            if not os.path.isfile(self.path):
                raise FileNotFoundError(
                    f'The feature file "{self.path}" does not exist.')
            try:
                self._file = safetensors.safe_open(self.path, framework='pt')
            except safetensors.SafetensorError as error:
                raise FeatureFileError(
                    f'"{self.path}" cannot be read as a safetensors file '
                    f'({error}); copy it anew, or extract the features again.'
                ) from error
        return self._file

    def _check(self, expect: dict) -> None:
        found = dataclasses.asdict(self.provenance)
        unknown = expect.keys() - found.keys()
        if unknown:
            raise ValueError(f'expect may hold {sorted(found)}, but got '
                             f'{sorted(unknown)}.')
        pairs = [(k, v, found[k]) for k, v in expect.items()
                 if k != 'settings']
        pairs += [(f'settings[{k!r}]', v, found['settings'].get(k))
                  for k, v in expect.get('settings', {}).items()]
        wrong = [
            f'{name} is {have!r}, expected {want!r}'
            for name, want, have in pairs if want != have
        ]
        if wrong:
            raise FeatureFileError(
                f'"{self.path}" holds other features than expected: '
                f'{"; ".join(wrong)}. Extract them anew, or correct "expect" '
                'if these are meant.')

    def __getitem__(self, key: str) -> Tensor:
        if key not in self:
            raise KeyError(
                f'The feature file "{self.path}" ({len(self)} features of '
                f'{self.provenance.encoder}) has no feature "{key}". Extract '
                'the features of all frames.')
        feature = self._open().get_tensor(key)
        _check_feature(self.path, key, feature, self.provenance.dims)
        return feature

    def __contains__(self, key) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __getstate__(self) -> dict:
        # An open file can't be sent to a spawned worker.
        return dict(self.__dict__, _file=None)


class CueBank(FeatureFile):
    """Cue features that a text encoder computed once, looked up by phrase.

    A few hundred phrases make up all the cues of a data set, so each is
    encoded once (``tools/extract_text_features.py``) and the text model, large
    as ImageBind's, is not needed for training or testing. Case and the kind
    of separator don't matter (:func:`mmteso.io.normalize_phrase`).

    Args:
        path (str): The file.

    Raises:
        FileNotFoundError: If there is no such file.
        FeatureFileError: If it isn't a cue bank.
    """

    def __init__(self, path: str) -> None:
        try:
            super().__init__(path, dict(kind='cue_bank'))
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f'The cue bank "{path}" does not exist. SynthAVS has its own '
                '(tools/dataset_converters/prepare_synthavs.py); else write '
                f'it: {_TOOL} --cues CUE_FILE --out {shlex.quote(path)} '
                '(CONFIG: one of configs/text_features/).') from error

    def look_up(self, cues: Sequence[str]) -> Tensor:
        """Features of cues, float32, (len(cues), D); a MissingPhrasesError if
        a phrase is not in the bank."""
        phrases = [normalize_phrase(cue) for cue in cues]
        missing = [phrase for phrase in phrases if phrase not in self]
        if missing:
            words = ' '.join(map(shlex.quote, missing))
            raise self._missing(missing, f'--phrases {words}')
        rows = [self[phrase].float() for phrase in phrases]
        return torch.stack(rows) if rows else torch.zeros(
            0, self.provenance.dims)

    def check_cues(self, cues: Iterable[str], cue_file: str) -> None:
        """Refuse the cues of a file if the bank lacks some, by a
        MissingPhrasesError with these and the command that adds them."""
        missing = sorted({normalize_phrase(cue) for cue in cues} - set(self))
        if missing:
            raise self._missing(missing, f'--cues {shlex.quote(cue_file)}')

    def _missing(self, missing: Sequence[str],
                 option: str) -> MissingPhrasesError:
        names = ', '.join(map(repr, missing[:_NAMED]))
        if len(missing) > _NAMED:
            names += f' and {len(missing) - _NAMED} more'
        encoder = self.provenance.encoder
        return MissingPhrasesError(
            f'the cue bank "{self.path}" ({len(self)} phrases, encoded by '
            f'{encoder}) lacks {len(missing)}: {names}. Add them: {_TOOL} '
            f'{option} --update --out {shlex.quote(self.path)} (CONFIG: the '
            f'one of configs/text_features/ for {encoder}).')
