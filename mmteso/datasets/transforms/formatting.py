# Copyright (c) mmteso contributors. All rights reserved.
"""Packs image, sound and text of a frame for the model."""
from typing import Sequence

import numpy as np
from mmcv.transforms import to_tensor
from mmengine.structures import LabelData, PixelData
from mmseg.registry import TRANSFORMS
from mmseg.structures import SegDataSample

from .base import AVSTransform

_INPUT_KEYS = ('log_mel', 'audio_values', 'sound_level', 'audio_feat',
               'text_feat', 'text_valid', 'cue_classes')


@TRANSFORMS.register_module()
class PackAVTInputs(AVSTransform):
    """Pack what the model needs into ``inputs`` and the rest as a sample.

    As :class:`mmseg.datasets.PackSegInputs`, but ``inputs`` is a dict by
    modality. It holds what the pipeline has loaded; all keys are optional.

    Returned dict:

    - inputs (dict[str, torch.Tensor]): ``img`` (3, H, W) uint8 BGR; and,
      unchanged, ``log_mel`` (1, 96, 64), ``audio_values`` (of other audio
      encoders), ``sound_level`` (), ``audio_feat`` (D_a), ``text_feat``
      (N_T, D), ``text_valid`` (N_T) and ``cue_classes`` (num_classes).
    - data_samples (SegDataSample): ``gt_seg_map``, ``gt_visible_map`` and
      ``gt_class_map`` (H, W) as ``gt_sem_seg``, ``gt_visible`` and
      ``gt_classes`` (PixelData, ``data`` (1, H, W) int64); ``cue_target`` as
      ``gt_cues`` (LabelData, ``label`` (N_T) float32); and the metainfo. A
      sample whose sound nobody has altered has the ``audio_condition``
      'normal'.

    Args:
        meta_keys (Sequence[str]): Keys that go to the metainfo where they
            exist. Defaults to those of mmseg, and uid, frame, num_frames,
            subset, split, sample_idx, text_cues, a_obj, frame_classes,
            unknown_pixels, audio_condition, off_screen_uid,
            audio_provenance.
    """

    def __init__(
        self,
        meta_keys: Sequence[str] = ('img_path', 'seg_map_path', 'ori_shape',
                                    'img_shape', 'pad_shape', 'scale_factor',
                                    'flip', 'flip_direction',
                                    'reduce_zero_label', 'uid', 'frame',
                                    'num_frames', 'subset', 'split',
                                    'sample_idx', 'text_cues', 'a_obj',
                                    'frame_classes', 'unknown_pixels',
                                    'audio_condition', 'off_screen_uid',
                                    'audio_provenance')
    ) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        inputs = {
            key: to_tensor(results[key])
            for key in _INPUT_KEYS if key in results
        }
        if 'img' in results:
            img = np.atleast_3d(results['img'])
            inputs['img'] = to_tensor(
                np.ascontiguousarray(img.transpose(2, 0, 1)))

        data_sample = SegDataSample()
        for key, field in (('gt_seg_map', 'gt_sem_seg'),
                           ('gt_visible_map', 'gt_visible'),
                           ('gt_class_map', 'gt_classes')):
            if key in results:
                labels = to_tensor(results[key][None].astype(np.int64))
                setattr(data_sample, field, PixelData(data=labels))
        if 'cue_target' in results:
            data_sample.gt_cues = LabelData(
                label=to_tensor(results['cue_target']))

        metainfo = {
            key: results[key]
            for key in self.meta_keys if key in results
        }
        if 'audio_condition' in self.meta_keys:
            metainfo.setdefault('audio_condition', 'normal')
        data_sample.set_metainfo(metainfo)
        return dict(inputs=inputs, data_samples=data_sample)
