# Copyright (c) mmteso contributors. All rights reserved.
"""Several sounds for one frame."""
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from mmseg.utils import OptSampleList


class PerCondition(tuple):
    """K values of something that differs between K audio conditions."""


@TRANSFORMS.register_module()
class FanOutAudioConditions(BaseTransform):
    """Give a frame K sounds, everything else of it once.

    Stands right after :class:`LoadAudioClip`. Every condition gets the
    waveform, alters it, and sends it through the *same* front end: negatives
    that came by another way than the normal sound could be told apart by that
    way alone. What the K ways make is then put side by side.

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
        self.ways = [[
            TRANSFORMS.build(step)
            for step in [*self._steps(condition), *front_end]
        ] for condition in conditions]

    @staticmethod
    def _steps(condition: Union[dict, List[dict], None]) -> List[dict]:
        if condition is None:
            return []
        return [condition] if isinstance(condition, dict) else list(condition)

    def transform(self, results: dict) -> dict:
        """Fan out.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The dict with K sounds.
        """
        if 'waveform' not in results:
            raise KeyError('FanOutAudioConditions needs the key "waveform". '
                           'Put LoadAudioClip before it.')
        made = [self._go(way, results) for way in self.ways]
        results.pop('waveform')
        for key in sorted({key for one in made for key in one}):
            values = [one.get(key) for one in made]
            # the condition also where all are the same: it says that there
            # are several
            if key not in results or key == 'audio_condition' or any(
                    value is not results[key] for value in values):
                results[key] = self._side_by_side(key, values)
        return results

    @staticmethod
    def _go(way: List[BaseTransform], results: dict) -> dict:
        # its own dict, so that none finds what another one has made
        results = dict(results, waveform=results['waveform'].copy())
        for step in way:
            results = step(results)
        results.pop('waveform')
        return results

    @staticmethod
    def _side_by_side(key: str, values: List[Optional[Any]]) -> Any:
        kinds = {type(value) for value in values}
        stack: Dict[type, Any] = {torch.Tensor: torch.stack,
                                  np.ndarray: np.stack}
        if len(kinds) > 1 or not kinds & set(stack):
            return PerCondition(values)
        shapes = sorted({tuple(value.shape) for value in values})
        if len(shapes) > 1:
            raise ValueError(f'the conditions give {key} of different shapes, '
                             f'{shapes}; expected one')
        return stack[kinds.pop()](values)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.ways})'


def condition_samples(samples: OptSampleList,
                      index: int,
                      metas: OptSampleList = None) -> OptSampleList:
    """Data samples of one condition, which share their data.

    Args:
        samples (list[SegDataSample], optional): Of the frames; None gives
            None.
        index (int): The condition.
        metas (list[SegDataSample], optional): Whose metainfo to take. Defaults
            to None: that of ``samples``.

    Returns:
        list[SegDataSample] | None: New samples; of each
        :class:`PerCondition` in the metainfo one value is left.
    """
    if samples is None:
        return None
    results = []
    for sample, meta in zip(samples, metas or samples):
        result = type(sample)()
        for name, value in sample.items():
            result.set_field(value, name)
        result.set_metainfo({
            name: value[index] if isinstance(value, PerCondition) else value
            for name, value in meta.metainfo_items()
        })
        results.append(result)
    return results
