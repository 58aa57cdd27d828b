# Copyright (c) mmteso contributors. All rights reserved.
"""Packs image, sound and text of a frame for the model."""
from typing import Sequence

import numpy as np
from mmcv.transforms import BaseTransform, to_tensor
from mmengine.structures import LabelData, PixelData
from mmseg.registry import TRANSFORMS
from mmseg.structures import SegDataSample

_INPUT_KEYS = ('log_mel', 'audio_values', 'audio_feat', 'text_feat',
               'text_valid', 'cue_classes')


@TRANSFORMS.register_module()
class PackAVTInputs(BaseTransform):
    """Pack what the model needs into ``inputs`` and the rest as a sample.

    As :class:`mmseg.datasets.PackSegInputs`, but ``inputs`` is a dict by
    modality. It holds what the pipeline has loaded, and nothing else: audio
    or text that a model needs and that isn't there is the model's error.

    Required Keys:

    - img (optional): (H, W, 3) uint8, BGR
    - log_mel (optional): (1, 96, 64) float32
    - audio_values (optional): (...) float32, for other audio encoders
    - audio_feat (optional): (D_a) float32
    - text_feat (optional): (N_T, D) float32
    - text_valid (optional): (N_T) bool
    - cue_classes (optional): (num_classes) bool
    - gt_seg_map (optional): (H, W)
    - gt_visible_map (optional): (H, W)
    - gt_class_map (optional): (H, W)
    - cue_target (optional): (N_T) float32

    Returned dict:

    - inputs (dict[str, torch.Tensor]): ``img`` (3, H, W) uint8 BGR, and
      those of ``log_mel``, ``audio_values``, ``audio_feat``, ``text_feat``,
      ``text_valid``, ``cue_classes`` that are there, unchanged.
    - data_samples (SegDataSample): ``gt_sem_seg``, ``gt_visible`` and
      ``gt_classes`` (PixelData, ``data`` (1, H, W) int64), ``gt_cues``
      (LabelData, ``label`` (N_T) float32), and the metainfo. A sample whose
      sound nobody has altered has the ``audio_condition`` 'normal'.

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
        """Pack a sample.

        Args:
            results (dict): The sample at the end of its pipeline.

        Returns:
            dict: ``inputs`` and ``data_samples``.
        """
        inputs = dict()
        if 'img' in results:
            img = results['img']
            if img.ndim < 3:
                img = img[..., None]
            inputs['img'] = to_tensor(
                np.ascontiguousarray(img.transpose(2, 0, 1)))
        for key in _INPUT_KEYS:
            if key in results:
                inputs[key] = to_tensor(results[key])

        data_sample = SegDataSample()
        for key, field in (('gt_seg_map', 'gt_sem_seg'),
                           ('gt_visible_map', 'gt_visible'),
                           ('gt_class_map', 'gt_classes')):
            if key in results:
                data_sample.set_data({field: self._pack_map(results, key)})
        if 'cue_target' in results:
            data_sample.set_data(
                dict(
                    gt_cues=LabelData(
                        label=to_tensor(results['cue_target']))))

        metainfo = {
            key: results[key]
            for key in self.meta_keys if key in results
        }
        if 'audio_condition' in self.meta_keys:
            metainfo.setdefault('audio_condition', 'normal')
        data_sample.set_metainfo(metainfo)
        return dict(inputs=inputs, data_samples=data_sample)

    @staticmethod
    def _pack_map(results: dict, key: str) -> PixelData:
        """Turn a label map into PixelData of (1, H, W) int64."""
        labels = results[key]
        if labels.ndim != 2:
            raise ValueError(f'{key} of {results.get("seg_map_path")} must '
                             f'be (H, W), but got {labels.shape}')
        return PixelData(data=to_tensor(labels[None].astype(np.int64)))

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(meta_keys={self.meta_keys})'
