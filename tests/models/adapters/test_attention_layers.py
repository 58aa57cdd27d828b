# Copyright (c) mmteso contributors. All rights reserved.
"""The tables are true, and what can't be adapted is named."""
import copy
import importlib.util
import re

import pytest
from adapter_checks import build
from torch import nn

from mmteso.models.adapters import inject_adapters, injection
from mmteso.models.adapters.attention_layers import (FOREIGN_LAYERS, KINDS,
                                                     LAYERS)


# ---------------------------------------------------------------- tables
def test_the_docstrings_table_is_the_codes():
    rows = re.split(r"^``'(\w+)'`` +", injection.__doc__, flags=re.MULTILINE)
    table = dict(zip(rows[1::2], rows[2::2]))
    assert tuple(table) == KINDS
    for cls, rules in LAYERS.items():
        kinds = {kind for kind, _ in rules}
        for kind, text in table.items():
            # Segmenter's layers are ViT's
            assert (f'``{cls.__name__}``' in text) == (kind in kinds), kind


@pytest.mark.parametrize('package', ['transformers', 'timm'])
def test_foreign_layers_are_there(package):
    """A misspelt or renamed class would never be found."""
    pytest.importorskip(package, exc_type=ImportError)
    paths = [key for key in FOREIGN_LAYERS if key[0].startswith(package)]
    assert len(paths) >= 8
    for path, name in paths:
        if importlib.util.find_spec(path.rsplit('.', 1)[0]) is None:
            assert 'dinov3' in path  # in transformers since 4.56
            continue
        assert issubclass(
            getattr(importlib.import_module(path), name), nn.Module)
    assert {
        kind
        for rules in FOREIGN_LAYERS.values() for kind, _ in rules
    } <= set(KINDS)


# ---------------------------------------------------------------- not known
class LocalWindowSelfAttention(nn.Module):
    """As HRFormer's."""

    def __init__(self):
        super().__init__()
        self.attn = nn.MultiheadAttention(8, 2)


class HRFormer(nn.Module):

    def __init__(self):
        super().__init__()
        self.block = LocalWindowSelfAttention()
        self.other = nn.Sequential(LocalWindowSelfAttention())


def segmentor(backbone, **head):
    head = dict(
        PLAIN, type='FCNHead', in_channels=64, in_index=3, **head)
    return build(
        dict(type='EncoderDecoder', backbone=backbone, decode_head=head))


RESNET = dict(type='ResNet', depth=18, base_channels=8, stem_channels=8)
PLAIN = dict(channels=8, num_classes=2, align_corners=False)
CONVNEXT = dict(
    type='TransformersBackbone',
    model_type='convnext',
    config=dict(hidden_sizes=[8, 16, 32, 64], depths=[1, 1, 1, 1]))
MSCAN = dict(
    type='MSCAN', embed_dims=[8, 16, 32, 64], depths=[1, 1, 1, 1],
    norm_cfg=dict(type='BN'))  # yapf: disable


def test_what_no_kind_covers_is_named():
    model = segmentor(RESNET)
    model.backbone = HRFormer()
    with pytest.raises(
            ValueError,
            match=r"kind \['window'\] .* it has \[\]. Leave out adapters .* "
            "What can't be adapted: HRFormer's LocalWindowSelfAttention.$"):
        inject_adapters(model, ['window'])


@pytest.mark.parametrize('backbone', [RESNET, CONVNEXT])
def test_backbones_without_attention(backbone):
    if backbone['type'] != 'ResNet':
        pytest.importorskip('transformers')
    with pytest.raises(
            ValueError,
            match=f'Its backbone, {backbone["type"]}, has no attention.$'):
        inject_adapters(segmentor(backbone), ['window'])


def test_convolutional_attention():
    with pytest.raises(
            ValueError,
            match=r"What can't be adapted: MSCAN's MSCASpatialAttention "
            r'\(convolutional\).$') as error:
        inject_adapters(segmentor(MSCAN), ['window'])
    assert 'has no attention' not in str(error.value)


def test_what_is_left_out_is_logged(monkeypatch):
    model = segmentor(
        dict(
            type='SwinTransformer',
            embed_dims=8,
            depths=(1, 1, 1, 1),
            num_heads=(1, 2, 2, 4),
            window_size=2))
    lines = []
    monkeypatch.setattr('mmteso.models.adapters.injection.print_log',
                        lambda line, logger: lines.append(line))
    inject_adapters(copy.deepcopy(model), ['window'])
    assert lines == []
    model.decode_head.block = LocalWindowSelfAttention()
    inject_adapters(model, ['window'])
    assert lines == [
        "can't be adapted, no kind covers it: FCNHead's "
        'LocalWindowSelfAttention'
    ]
