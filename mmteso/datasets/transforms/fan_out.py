# Copyright (c) mmteso contributors. All rights reserved.
"""Several sounds for one frame."""
from typing import Any, List, Sequence, Union

import numpy as np
import torch
from mmengine.structures import BaseDataElement
from mmseg.registry import TRANSFORMS

from .base import AVSTransform

# what front ends make of a waveform, of PackAVTInputs' inputs
_SOUND_INPUTS = ('log_mel', 'audio_values', 'sound_level')


class PerCondition(tuple):
    """K values of something that differs between K audio conditions."""


@TRANSFORMS.register_module()
class FanOutAudioConditions(AVSTransform):
    """Give a frame K sounds, everything else of it once.

    Stands right after :class:`LoadAudioClip`. Every condition alters the
    waveform and sends it through the *same* front end: negatives that came by
    another way could be told apart by that way alone.

    Required Keys:

    - waveform (np.ndarray)
    - Those of the conditions and of the front end.

    Modified and Added Keys:

    - What the conditions and the front end add or change: arrays and tensors,
      such as ``log_mel``, get a first axis for the conditions; anything else,
      such as ``audio_condition``, becomes a :class:`PerCondition`, None where
      a condition has no such key.

    Removed Keys:

    - waveform

    Args:
        conditions (Sequence[dict | list[dict] | None]): For each condition
            the transforms that alter the sound, e.g.
            ``dict(type='MuteAudio')``; None leaves it as it is.
        front_end (Sequence[dict]): Transforms that make the audio encoder's
            input of a waveform, e.g. ``[dict(type='AudioToLogMel')]``.
    """

    def __init__(self, conditions: Sequence[Union[dict, List[dict], None]],
                 front_end: Sequence[dict]) -> None:
        if not conditions or not front_end:
            raise ValueError(
                'FanOutAudioConditions needs at least one condition and the '
                f'transforms of the front end, but got {conditions!r} and '
                f'{front_end!r}')
        self.conditions = conditions
        self.front_end = front_end
        self.ways = []
        for steps in conditions:
            steps = [steps] if isinstance(steps, dict) else steps or []
            self.ways.append(
                [TRANSFORMS.build(step) for step in [*steps, *front_end]])

    def transform(self, results: dict) -> dict:
        made = []
        for way in self.ways:
            # its own dict, so that none finds what another one has made
            one = dict(results, waveform=results['waveform'].copy())
            for step in way:
                one = step(one)
            one.pop('waveform')
            made.append(one)
        results.pop('waveform')
        for key in sorted({key for one in made for key in one}):
            values = [one.get(key) for one in made]
            # the condition also where all are the same: it says that there
            # are several
            if key in results and key != 'audio_condition' and all(
                    value is results[key] for value in values):
                continue
            kinds = {type(value) for value in values}
            stack = {torch.Tensor: torch.stack, np.ndarray: np.stack}.get(
                kinds.pop() if len(kinds) == 1 else None, PerCondition)
            results[key] = stack(values)
        return results


def split_conditions(batch: dict, number: int) -> List[dict]:
    """Take a batch with several sounds for each frame apart.

    Of ``inputs`` and ``data_samples`` from a dataloader whose pipeline has
    :class:`FanOutAudioConditions` (of test-time augmentation lists of views)
    it gives for each of so many conditions what a pipeline with it alone
    gives; everything but the sound is shared.
    """
    return [_one_condition(batch, index) for index in range(number)]


def _one_condition(value: Any, index: int) -> Any:
    if isinstance(value, dict):
        return {
            key: [sound[index] for sound in inner]
            if key in _SOUND_INPUTS else _one_condition(inner, index)
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_one_condition(item, index) for item in value]
    if isinstance(value, BaseDataElement):
        return value.new(
            metainfo={
                key: item[index] if isinstance(item, PerCondition) else item
                for key, item in value.metainfo_items()
            })
    return value
