# Copyright (c) mmteso contributors. All rights reserved.
"""Converted Mask2Formers of the published sizes (``make test-slow``)."""
import pytest
import torch
from narrow import stock_config
from tiny_mask2former import build_model, hf_logits, shake, stock_logits

from mmteso.models.converters import (convert_mask2former, find_differences,
                                      mmseg_settings)

transformers = pytest.importorskip(
    'transformers', reason="needs pip install 'mmteso[text]'")
STAGES = ['stage1', 'stage2', 'stage3', 'stage4']


def swin_t():
    return transformers.SwinConfig(out_features=STAGES)


def resnet_50():
    return transformers.ResNetConfig(out_features=STAGES)


@pytest.mark.slow
@pytest.mark.parametrize('backbone, name', [
    (swin_t, 'mask2former_swin-t_8xb2-160k_ade20k-512x512.py'),
    (resnet_50, 'mask2former_r50_8xb2-160k_ade20k-512x512.py'),
])
def test_same_logits(backbone, name):
    """In double precision, where no bit of an attention mask flips.

    In single precision a mask logit next to 0 can round to either side of
    the threshold in the two implementations, which then look at different
    pixels: the logits of such an image differ by about 1e-4.
    """
    torch.manual_seed(0)
    theirs = transformers.Mask2FormerForUniversalSegmentation(
        transformers.Mask2FormerConfig(
            backbone_config=backbone(),
            id2label={index: str(index)
                      for index in range(150)}))
    theirs = shake(theirs.eval(), scale=0.02)
    config = theirs.config.to_dict()
    model = stock_config(name).model
    model.backbone.pop('init_cfg', None)
    model.data_preprocessor.pop('batch_augments', None)
    if 'norm_cfg' in model.backbone and 'r50' in name:
        model.backbone.norm_cfg.type = 'BN'  # one process has no SyncBN
    assert find_differences(mmseg_settings(config), model) == []
    ours = build_model(model)
    ours.load_state_dict(
        convert_mask2former(theirs.state_dict(), config), strict=True)
    for size in ((256, 256), (250, 330)):
        rng = torch.Generator().manual_seed(1)
        image = torch.randn(1, 3, *size, generator=rng, dtype=torch.float64)
        with torch.no_grad():
            expected = hf_logits(theirs.double(), image)
            result = stock_logits(ours.double(), image)
        for first, second in zip(expected, result):
            assert first.std() > 0.1
            torch.testing.assert_close(second, first, rtol=0, atol=1e-6)
