# Copyright (c) mmteso contributors. All rights reserved.
"""A config's test pipeline, for clips in place of a data set."""
import os
from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np
from mmengine.dataset import Compose
from mmseg.registry import TRANSFORMS

from mmteso.audio import EXAMPLE_SECONDS, SAMPLE_RATE
from mmteso.choices import audio_condition_transform
from mmteso.datasets.transforms.text_cues import put_cues
from mmteso.engine.sound_steps import FRONT_ENDS, type_name
from mmteso.video import Sound
from .clips import Clip, Step
from .cues import CueFeatures

# of a test pipeline: replaced here, since they read the files of a data set
_SOURCES = ('LoadAudioClip', 'LoadLogMel', 'LoadAudioFeatures')
_REPLACED = ('LoadImageFromFile', 'LoadAVSAnnotations', 'LoadTextCues')
_SOUND = (*FRONT_ENDS, 'MeasureSoundLevel')
_PACKING = ('CuesToClasses', 'PackAVTInputs')


@dataclass
class Condition:
    """A sound, and cues, for the pictures of a clip.

    Attributes:
        sound (str | tuple): 'normal', the clip's own; 'mute'; 'noise' (as
            'wgn-10db') or 'wgn-{level}db', white Gaussian noise that many dB
            below the sound; or another SOUND, a file or (waveform, rate).
        cues (Sequence[str], optional): In place of the clip's cues.
            Defaults to None.
    """
    sound: Any = 'normal'
    cues: Optional[Sequence[str]] = None

    def __post_init__(self) -> None:
        if isinstance(self.sound, str) and self.sound == 'noise':
            self.sound = 'wgn-10db'

    @property
    def other(self) -> Any:
        """The other SOUND, if it is one."""
        named = isinstance(self.sound, str) and not os.path.exists(self.sound)
        return None if named else self.sound

    @property
    def alter(self) -> Compose:
        """What alters the sound; a ValueError if it has an unknown name."""
        step = None
        if self.other is None:
            step = audio_condition_transform(self.sound)
        if self.sound == 'off-screen':
            raise ValueError("a clip has no 'off-screen' sound: give a file")
        return Compose([step] if step else [])


class ClipPipeline:
    """A test pipeline taken apart: picture, sound, cues, packing.

    Args:
        pipeline (Sequence[dict]): Of a config's test data set.
        input_key (str): What the model's audio encoder reads.

    Attributes:
        rate (int): Samples a second of the sound.
        reads_sound (bool): Whether it loads sound.
        num_cues (int, optional): How many cues of a frame count; None if it
            loads none.
        features (CueFeatures, optional): Of the cues; None for words alone.

    Raises:
        ValueError: If the model's sound can't be had from a clip.
    """

    features: Optional[CueFeatures] = None

    def __init__(self, pipeline: Sequence[dict], input_key: str) -> None:

        def steps(*names: str) -> List[dict]:
            return [step for step in pipeline if type_name(step) in names]

        self.rate = SAMPLE_RATE
        self._window: Optional[float] = None
        sources, sound = steps(*_SOURCES), steps(*_SOUND)
        self.reads_sound = bool(sources)
        if sources and type_name(sources[0]) == 'LoadAudioClip':
            loader = TRANSFORMS.build(sources[0])
            self.rate, self._window = loader.sample_rate, loader.window
        elif sources:
            if input_key != 'log_mel':
                raise ValueError(
                    f'the config reads {type_name(sources[0])}, which clips '
                    'have not: take the config with LoadAudioClip.')
            sound = [dict(type='AudioToLogMel')]
        cues = steps('LoadTextCues')
        self.num_cues = cues[0].get('num_cues', 4) if cues else None
        taken = (*_REPLACED, *_SOURCES, *_SOUND, *_PACKING)
        self._see = Compose(
            [step for step in pipeline if type_name(step) not in taken])
        self._listen = Compose(sound)
        self._pack = Compose(steps(*_PACKING))

    def see(self, clip: Clip, step: Step, classes: Sequence[str]) -> dict:
        """A step's picture, as LoadImageFromFile and what follows give it."""
        index, _, image = step
        return self._see(
            dict(
                uid=clip.name, frame=index, img_path=clip.origin,
                img=np.ascontiguousarray(image[..., ::-1]),
                img_shape=image.shape[:2], ori_shape=image.shape[:2],
                class_names=tuple(classes), reduce_zero_label=False,
                seg_fields=[]))

    def window(self, index: int, fps: float,
               sound: Optional[Sound]) -> np.ndarray:
        """A step's window of a sound; None is silence."""
        end, seconds = (index + 1) / fps, self._window or EXAMPLE_SECONDS
        if sound is None:
            return np.zeros(round(seconds * self.rate), np.float32)
        if self._window is None:
            return sound.window(end - 1, seconds)
        # around the middle of the second
        return sound.window(end - .5 - seconds / 2, seconds, EXAMPLE_SECONDS)

    def pack(self, results: dict, waveform: np.ndarray, alter: Compose,
             cues: Sequence[str]) -> Tuple[dict, np.ndarray]:
        """A frame with one sound and its cues, as a data set packs it; and
        the waveform as it was heard."""
        if self.reads_sound:
            results.update(
                waveform=waveform.copy(), sample_rate=self.rate,
                audio_condition='normal')
            results = alter(results)
        heard = results.get('waveform', waveform)
        results = self._listen(results)
        if self.num_cues is not None:
            kept = list(cues)[:self.num_cues]
            put_cues(results, kept, self.num_cues,
                     self.features and self.features(kept))
        return self._pack(results), heard
