# Copyright (c) mmteso contributors. All rights reserved.
"""Text cues of frames that no data set knows, and their features."""
import os
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from PIL import Image
from torch import Tensor

from mmteso.io import CueBank, CueFile, normalize_phrase
from mmteso.models.text_encoders import HashTextEncoder
from mmteso.text_cues import (CAPTIONERS, REASONERS, CueGenerator, Frame,
                              LoadedFrame)

ConfigLike = Union[str, os.PathLike, Config, dict]

NO_CUES = """This model reads text cues, and none were given. Name what could
sound: cues=['guitar', 'man'] (--cues); or give a cue file, cue_file='FILE'
(--cue-file), whose uid is the clip's name; or have them generated,
cue_generator='configs/text_cues/teso.py' (--cue-generator)."""


def _read(config: ConfigLike) -> Any:
    return Config.fromfile(config) if isinstance(
        config, (str, os.PathLike)) else config


class CueFeatures:
    """Features of any cues: from the model's bank, else by its text encoder.

    Args:
        bank (str, optional): The cue bank; used if it exists.
        encoder (str | dict, optional): Config of the text encoder that made
            the bank, or a file with it (``configs/text_features/``). Built
            where a cue is not in the bank. Defaults to None: only a bank of
            :class:`HashTextEncoder` says itself how it was made.

    Raises:
        ValueError: If the encoder is another one than the bank's.
    """

    def __init__(self, bank: Optional[str],
                 encoder: Optional[ConfigLike] = None) -> None:
        self._bank = CueBank(bank) if bank and os.path.isfile(bank) else None
        self._bank_path = bank
        config = _read(encoder) if encoder else {}
        self._config = config if 'type' in config else config.get(
            'text_encoder')
        self._encoder: Optional[Any] = None
        self._known: Dict[str, Tensor] = {}

    def __call__(self, cues: Sequence[str]) -> Tensor:
        """Features of cues, float32, (len(cues), D); a ValueError if one is
        not in the bank and there is no encoder."""
        features = [self._feature(normalize_phrase(cue)) for cue in cues]
        if features:
            return torch.stack(features)
        origin = self._bank.provenance if self._bank is not None \
            else self._build('').provenance()
        return torch.zeros(0, origin.dims)

    @property
    def known(self) -> List[str]:
        """The phrases in the bank."""
        return [] if self._bank is None else list(self._bank)

    def _feature(self, phrase: str) -> Tensor:
        if phrase not in self._known:
            if self._bank is not None and phrase in self._bank:
                feature = self._bank[phrase]
            else:
                with torch.no_grad():
                    feature, = self._build(phrase)([phrase])
            self._known[phrase] = feature.float().cpu()
        return self._known[phrase]

    def _build(self, phrase: str) -> Any:
        if self._encoder is not None:
            return self._encoder
        origin = self._bank.provenance if self._bank is not None else None
        if self._config is not None:
            encoder = MODELS.build(self._config)
        elif origin is not None and origin.encoder == HashTextEncoder.__name__:
            settings = {key: value for key, value in origin.settings.items()
                        if key != 'phrases'}
            encoder = HashTextEncoder(origin.dims, **settings)
        else:
            raise ValueError(
                f'The cue {phrase!r} is not in the cue bank '
                f'"{self._bank_path}", and no text encoder is given: set '
                'text_encoder to the config that made the bank, e.g. '
                'configs/text_features/imagebind.py (--text-encoder).')
        if origin is not None and encoder.provenance() != origin:
            raise ValueError(
                f'The bank "{self._bank_path}" was made by {origin}, but '
                f'text_encoder is {encoder.provenance()}: features of '
                'two encoders don\'t go together.')
        self._encoder = encoder
        return encoder


class CueSource:
    """Where the cues of a clip's frames come from; one of three.

    Args:
        cues (Sequence[str], optional): The same for all frames.
        cue_file (str, optional): A cue file; a clip's name is its ``uid``.
        generator (str | dict, optional): Config with a ``reasoner`` and
            mostly a ``captioner`` (``configs/text_cues/``).
    """

    def __init__(self, cues: Optional[Sequence[str]] = None,
                 cue_file: Optional[str] = None,
                 generator: Optional[ConfigLike] = None) -> None:
        if (cues is not None) + (cue_file is not None) + (
                generator is not None) != 1:
            raise ValueError(NO_CUES)
        if isinstance(cues, str):
            raise TypeError(f'cues must be a list of names, but got {cues!r}')
        self._cues, self._prepared = cues, False
        self._generator: Any = None
        self._file = CueFile(cue_file, cues_only=True) if cue_file else None
        if generator is not None:
            config = _read(generator)
            captioner = config.get('captioner') and CAPTIONERS.build(
                config['captioner'])
            if getattr(captioner, 'reads', None) == 'clip':
                raise ValueError(
                    'This captioner reads whole clips; take one that reads '
                    'frames, as configs/text_cues/teso.py does.')
            self._generator = CueGenerator(
                captioner, REASONERS.build(config['reasoner']))

    def __call__(self, name: str, steps: Sequence[int],
                 images: Sequence[np.ndarray]
                 ) -> List[Tuple[Sequence[str], str]]:
        """Cues of some frames of a clip, by their numbers and pictures; and
        why there are none, where they could not be generated."""
        if self._cues is not None:
            return [(self._cues, '') for _ in steps]
        if self._file is not None:
            return [(self._file[name, step].cues, '') for step in steps]
        loaded = [
            LoadedFrame(Frame(name, step, ''), (Image.fromarray(image), ))
            for step, image in zip(steps, images)
        ]
        if not self._prepared:
            self._generator.prepare([frame for frame, _ in loaded])
            self._prepared = True
        found = {
            record['frame']: (record['cues'], record['error'])
            for record in self._generator.find_cues(loaded)
        }
        return [found[step] for step in steps]
