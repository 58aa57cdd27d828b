# Copyright (c) mmteso contributors. All rights reserved.
import torch
from pytest import raises

from mmteso.models.backbones import EfficientNetLite
from mmteso.models.converters import convert_efficientnet_lite

NORM = ('weight', 'bias', 'running_mean', 'running_var')


def layer(name, norm, *shape):
    """A convolution and its normalisation, in EfficientNet-PyTorch's layout.
    """
    weights = {f'{name}.weight': torch.randn(shape)}
    for kind in NORM:
        weights[f'{norm}.{kind}'] = torch.rand(shape[0])
    weights[f'{norm}.num_batches_tracked'] = torch.tensor(1)
    return weights


def lite0():
    weights = layer('_conv_stem', '_bn0', 32, 3, 3, 3)
    # kernel, expansion, channels, blocks of each stage
    stages = [(3, 1, 16, 1), (3, 6, 24, 2), (5, 6, 40, 2), (3, 6, 80, 3),
              (5, 6, 112, 3), (5, 6, 192, 4), (3, 6, 320, 1)]
    number, inner = 0, 32
    for kernel, expansion, outer, blocks in stages:
        for _ in range(blocks):
            block, wide = f'_blocks.{number}.', inner * expansion
            if expansion > 1:
                weights.update(
                    layer(f'{block}_expand_conv', f'{block}_bn0', wide, inner,
                          1, 1))
            weights.update(
                layer(f'{block}_depthwise_conv', f'{block}_bn1', wide, 1,
                      kernel, kernel))
            weights.update(
                layer(f'{block}_project_conv', f'{block}_bn2', outer, wide, 1,
                      1))
            number, inner = number + 1, outer
    weights.update(layer('_conv_head', '_bn1', 1280, 320, 1, 1))
    return dict(weights, **{
        '_fc.weight': torch.randn(1000, 1280),
        '_fc.bias': torch.randn(1000)
    })


def test_every_tensor_finds_its_place():
    source = lite0()
    converted = convert_efficientnet_lite(source)
    backbone = EfficientNetLite()
    backbone.load_state_dict(converted)
    assert converted['layers.2.1.expand_conv.conv.weight'].equal(
        source['_blocks.2._expand_conv.weight'])
    assert converted['layers.5.4.linear_conv.bn.running_var'].equal(
        source['_blocks.15._bn2.running_var'])
    maps = backbone(torch.rand(1, 3, 64, 96))
    assert [tuple(level.shape[1:]) for level in maps] == [
        (24, 16, 24), (40, 8, 12), (112, 4, 6), (320, 2, 3)]


def test_other_weights():
    source = lite0()
    source['_blocks.3._depthwise_conv.weight'] = torch.rand(144, 1, 3, 3)
    with raises(ValueError, match='_blocks.3._depthwise_conv.weight'):
        convert_efficientnet_lite(source)
    with raises(ValueError, match='1 tensors'):
        convert_efficientnet_lite(
            {'_conv_stem.weight': torch.rand(32, 3, 3, 3)})
