# Copyright (c) mmteso contributors. All rights reserved.
from typing import Any, Dict

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models import SegDataPreProcessor
from mmseg.registry import MODELS


@MODELS.register_module()
class AVTDataPreProcessor(SegDataPreProcessor):
    """Batches images with their sound and text.

    Images are normalised and padded by mmseg's ``SegDataPreProcessor``, whose
    arguments it takes. Everything else in ``inputs`` (``log_mel`` (1, 96, 64)
    or ``audio_feat`` (D_a), ``text_feat`` (N_T, D_t), ``text_valid`` (N_T)) is
    stacked along a new first axis and moved to the model's device. In
    training ``gt_classes`` is padded as ``gt_sem_seg``.

    Args:
        channels_last (bool): Lay out images with a pixel's channels side by
            side, as all that comes of them by convolutions will be: on a CPU
            these are faster so, and round differently. Defaults to False.
        **kwargs: See mmseg's ``SegDataPreProcessor``.
    """

    def __init__(self, channels_last: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.memory_format = (
            torch.channels_last if channels_last else torch.contiguous_format)

    def forward(self, data: Dict[str, Any],
                training: bool = False) -> Dict[str, Any]:
        """Collate, move, normalise and pad.

        Args:
            data (dict): ``inputs``, a dict of lists as ``pseudo_collate``
                leaves it, with ``img`` a list of uint8 (3, H, W); and
                ``data_samples``.
            training (bool): Pad the ground truth too. Defaults to False.

        Returns:
            dict: ``inputs``, a dict of batched tensors, and ``data_samples``.

        Raises:
            TypeError: If ``inputs`` is not a dict with ``img``.
            ValueError: If the samples' sound or text differ in shape.
        """
        data = self.cast_data(data)
        if not isinstance(data['inputs'], dict) or 'img' not in data['inputs']:
            raise TypeError(
                "inputs must be PackAVTInputs' dict with the key 'img', but "
                f'got {type(data["inputs"]).__name__}: PackSegInputs and '
                "mmseg's inferencers give images alone")
        inputs = dict(data['inputs'])
        images = super().forward(
            dict(
                inputs=inputs.pop('img'),
                data_samples=data.get('data_samples')), training)
        if training:
            # as mmseg does it for gt_sem_seg
            for sample in images['data_samples'] or []:
                if 'gt_classes' in sample:
                    sample.gt_classes = PixelData(
                        data=F.pad(
                            sample.gt_classes.data,
                            sample.padding_size,
                            value=self.seg_pad_val))
        batch = dict(
            img=images['inputs'].contiguous(memory_format=self.memory_format))
        for name, tensors in inputs.items():
            shapes = {tuple(tensor.shape) for tensor in tensors}
            if len(shapes) > 1:
                raise ValueError(f'inputs[{name!r}] must have one shape in a '
                                 f'batch, but got {sorted(shapes)}')
            batch[name] = torch.stack(list(tensors))
        return dict(inputs=batch, data_samples=images['data_samples'])
