# Copyright (c) mmteso contributors. All rights reserved.
import copy
from typing import Sequence

from mmdet.models.backbones import EfficientNet
from mmseg.registry import MODELS


@MODELS.register_module()
class EfficientNetLite(EfficientNet):
    """EfficientNet-Lite, as mmdet builds its EfficientNet [ours].

    EfficientNet without squeeze-and-excitation and with ReLU6 (Google's
    ``tpu/models/official/efficientnet/lite``); B0's widths and depths. It is
    the one network trained on ImageNet whose weights a Python package
    carries; :mod:`tools.model_converters.efficientnet_lite_to_mmdet` reads
    them. Images are normalised with a mean of 127 and a deviation of 128.

    Args:
        out_indices (Sequence[int]): Which stages to give out. Defaults to
            (2, 3, 4, 5): strides 4, 8, 16 and 32 with 24, 40, 112 and 320
            channels.
        **kwargs: Of :class:`mmdet.models.EfficientNet`, less ``arch`` and
            ``act_cfg``.
    """

    layer_settings = dict(l=copy.deepcopy(EfficientNet.layer_settings['b']))
    for _stage in layer_settings['l']:
        for _block in _stage:
            _block[2] = 0  # no squeeze-and-excitation
    arch_settings = dict(lite0=EfficientNet.arch_settings['b0'])

    def __init__(self, out_indices: Sequence[int] = (2, 3, 4, 5),
                 **kwargs) -> None:
        super().__init__(
            arch='lite0',
            out_indices=out_indices,
            act_cfg=dict(type='ReLU6'),
            **kwargs)
