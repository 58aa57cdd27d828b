# Copyright (c) mmteso contributors. All rights reserved.
from typing import Iterable

from mmseg.registry import MODELS
from torch import nn

from mmteso.models.adapters import AdaptedLinear
from mmteso.models.backbones import SAMImageEncoder


def add_cola(layers: Iterable[nn.Module], ratio: int) -> None:
    """Put a Correlation Adapter (ColA) behind the MLP of each layer.

    It is mmteso's bottleneck adapter, an identity at the start, and trains
    where the layer is frozen. The layers keep the names of their parameters.

    Args:
        layers (Iterable[nn.Module]): Transformer layers of SAM.
        ratio (int): A bottleneck has so many times fewer channels.
    """
    for layer in layers:
        layer.mlp.lin2 = AdaptedLinear(layer.mlp.lin2, ratio)


@MODELS.register_module()
class ColASAMImageEncoder(SAMImageEncoder):
    """SAM's image encoder with adapters in its last layers.

    Args:
        num_adapted (int): So many of the last layers have one. Defaults to 6,
            as GAVS's authors advise.
        adapter_ratio (int): See :func:`add_cola`. Defaults to 6: 128 of
            ViT-B's 768 channels (release).
        **kwargs: See :class:`mmteso.models.backbones.SAMImageEncoder`.
    """

    def __init__(self,
                 num_adapted: int = 6,
                 adapter_ratio: int = 6,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        layers = self.vision_encoder.layers
        if num_adapted not in range(len(layers) + 1):
            raise ValueError('num_adapted must be a number of layers, 0 to '
                             f'{len(layers)}, but got {num_adapted}')
        add_cola(layers[len(layers) - num_adapted:], adapter_ratio)
