# Copyright (c) mmteso contributors. All rights reserved.
"""Files of cached features that know where their numbers come from.

A safetensors file holds one tensor per frame under the key ``{uid}/{frame}``
(or, in a cue bank, one per cue phrase) and says in its metadata which encoder
with which weights made them, so that features of another encoder can't be
mixed up with the expected ones.
"""
import dataclasses
import json
import os
from typing import Any, Dict, Iterator, Mapping, Optional

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from .files import atomic_write

FORMAT = 'mmteso-features/1'
KINDS = ('audio', 'text', 'cue_bank')


class FeatureFileError(ValueError):
    """A feature file that isn't one, or isn't the expected one."""


def feature_key(uid: str, frame: int) -> str:
    """Key of a frame's tensor: ``{uid}/{frame}``.

    Args:
        uid (str): The clip.
        frame (int): The frame, from 0.

    Returns:
        str: The key.
    """
    return f'{uid}/{frame}'


@dataclasses.dataclass(frozen=True)
class Provenance:
    """Where the features of a file come from.

    Args:
        kind (str): 'audio', one vector (D) per frame; 'text', one row per
            cue of a frame (n, D); or 'cue_bank', one vector (D) per phrase,
            under the phrase as :func:`mmteso.io.normalize_phrase` writes it.
        encoder (str): Name of the encoder.
        weights_hash (str): SHA-256 of the weights' file, in hex; '' for an
            encoder without weights.
        dims (int): Length of a feature, D.
        settings (dict): Anything else that changes the numbers, in plain JSON
            types, e.g. ``dict(clip_hop=1.0)`` or ``dict(scaled=True)``.
            Defaults to an empty dict.
    """
    kind: str
    encoder: str
    weights_hash: str
    dims: int
    settings: Dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(
                f'kind must be one of {KINDS}, but got {self.kind!r}.')
        if not self.encoder:
            raise ValueError('encoder must not be empty.')
        if type(self.dims) is not int or self.dims < 1:
            raise ValueError(f'dims must be positive, but got {self.dims!r}.')

    def to_metadata(self) -> Dict[str, str]:
        """As safetensors' metadata, strings by string.

        Returns:
            dict[str, str]: The metadata.
        """
        return dict(
            format=FORMAT,
            kind=self.kind,
            encoder=self.encoder,
            weights_hash=self.weights_hash,
            dims=str(self.dims),
            settings=json.dumps(self.settings, sort_keys=True))

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> 'Provenance':
        """Inverse of :meth:`to_metadata`.

        Args:
            metadata (Mapping[str, str]): The metadata.

        Returns:
            Provenance: The provenance.

        Raises:
            ValueError: If something is missing or of another format.
        """
        if metadata.get('format') != FORMAT:
            raise ValueError(f'its format is {metadata.get("format")!r}, '
                             f'expected {FORMAT!r}')
        names = {field.name for field in dataclasses.fields(cls)}
        if names - metadata.keys():
            raise ValueError(f'it lacks {sorted(names - metadata.keys())}')
        values = {name: metadata[name] for name in names}
        values['dims'] = int(values['dims'])
        values['settings'] = json.loads(values['settings'])
        return cls(**values)


def _check_shape(key: str, shape: tuple, provenance: Provenance) -> None:
    expected = dict(audio=1, text=2, cue_bank=1)[provenance.kind]
    if len(shape) != expected or shape[-1] != provenance.dims:
        layout = '(n, {})' if provenance.kind == 'text' else '({},)'
        raise FeatureFileError(
            f'The {provenance.kind} feature "{key}" must have the shape '
            f'{layout.format(provenance.dims)}, but has {tuple(shape)}.')


def write_feature_file(path: str, features: Mapping[str, Tensor],
                       provenance: Provenance) -> None:
    """Write features with their provenance.

    The file appears under its name only once it is complete.

    Args:
        path (str): The file; an existing one is replaced.
        features (Mapping[str, Tensor]): Floats by ``{uid}/{frame}``: (D) for
            audio, (n, D) for the n >= 0 cues of text; or (D) by phrase for a
            cue bank.
        provenance (Provenance): Where they come from.

    Raises:
        FeatureFileError: If a feature has another shape, isn't of floats or
            holds a value that isn't finite.
    """
    tensors = {}
    for key, feature in features.items():
        _check_shape(key, feature.shape, provenance)
        if not feature.is_floating_point():
            raise FeatureFileError(
                f'The feature "{key}" must be of floats, but is '
                f'{feature.dtype}.')
        if not torch.isfinite(feature).all():
            raise FeatureFileError(
                f'The feature "{key}" holds values that are not finite.')
        # Features are often views of a batch; safetensors refuses to store
        # tensors that share memory.
        tensors[key] = feature.detach().cpu().contiguous().clone()
    with atomic_write(path) as partial:
        safetensors.torch.save_file(tensors, partial, provenance.to_metadata())


class FeatureFile(Mapping):
    """The features of a file by ``{uid}/{frame}``.

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
        self._file = None
        self._keys = None
        metadata = self._open().metadata() or {}
        try:
            self.provenance = Provenance.from_metadata(metadata)
        except ValueError as error:
            raise FeatureFileError(
                f'"{path}" is no feature file of mmteso: {error}. Feature '
                'files are written by mmteso.io.write_feature_file.'
            ) from error
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
                    f'({error}).') from error
        return self._file

    def _check(self, expect: dict) -> None:
        found = dataclasses.asdict(self.provenance)
        unknown = expect.keys() - found.keys()
        if unknown:
            raise ValueError(f'expect may hold {sorted(found)}, but got '
                             f'{sorted(unknown)}.')
        settings = expect.get('settings', {})
        pairs = [(k, v, found[k]) for k, v in expect.items()
                 if k != 'settings']
        pairs += [(f'settings[{k!r}]', v, found['settings'].get(k))
                  for k, v in settings.items()]
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
        _check_shape(key, feature.shape, self.provenance)
        return feature

    def _key_set(self) -> dict:
        if self._keys is None:
            self._keys = dict.fromkeys(self._open().keys())
        return self._keys

    def __contains__(self, key) -> bool:
        return key in self._key_set()

    def __iter__(self) -> Iterator[str]:
        return iter(self._key_set())

    def __len__(self) -> int:
        return len(self._key_set())

    def __getstate__(self) -> dict:
        # An open file can't be sent to a spawned worker.
        return dict(self.__dict__, _file=None)
