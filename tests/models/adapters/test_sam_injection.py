# Copyright (c) mmteso contributors. All rights reserved.
import re

import pytest
import torch
from tiny_sam import IMG_SIZE, write_sam
from torch import nn

from mmteso.models.adapters import (AdaptedLinear, BottleneckAdapter,
                                    inject_adapters)
from mmteso.models.sam import read_sam_folder

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")

CROSS = r'(cross_attn_token_to_image|cross_attn_image_to_token)'
PLACES = {
    'sam': (3, r'^vision_encoder\.layers\.\d\.attn\.proj$'),
    'sam_cross':
    (5, rf'^mask_decoder\.transformer\.(layers\.\d\.{CROSS}|'
     r'final_attn_token_to_image)\.out_proj$'),
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_sam(tmp_path_factory.mktemp('sam'))


@torch.no_grad()
def masks(model):
    rng = torch.Generator().manual_seed(0)
    images = torch.randn(2, 3, IMG_SIZE, IMG_SIZE, generator=rng)
    return model.eval()(pixel_values=images).pred_masks


@pytest.mark.parametrize('kinds', [('sam', ), ('sam_cross', ),
                                   ('sam', 'sam_cross')])
def test_injection(folder, kinds):
    """transformers' own SamModel, adapted."""
    model = read_sam_folder(folder)
    before, state = masks(model), dict(model.state_dict())
    adapters = inject_adapters(model, kinds)
    places = {
        name: module
        for name, module in model.named_modules()
        if isinstance(getattr(module, 'adapter', None), BottleneckAdapter)
    }
    assert all(isinstance(m, AdaptedLinear) for m in places.values())
    for kind in kinds:
        number, pattern = PLACES[kind]
        assert sum(bool(re.match(pattern, name)) for name in places) == number
    assert len(places) == len(adapters) == sum(PLACES[k][0] for k in kinds)
    keys = model.load_state_dict(state, strict=False)
    assert not keys.unexpected_keys
    assert all('.adapter.' in key for key in keys.missing_keys)
    assert len(keys.missing_keys) == 4 * len(adapters)
    # an identity at first, to the last bit; then each adapter has a say
    assert torch.equal(masks(model), before)
    for adapter in adapters:
        nn.init.normal_(adapter.up.bias)
        assert not torch.equal(masks(model), before)
        nn.init.zeros_(adapter.up.bias)
    assert torch.equal(masks(model), before)


def test_errors(folder):
    model = read_sam_folder(folder)
    with pytest.raises(ValueError, match=r"it has \['sam', 'sam_cross'\]"):
        inject_adapters(model)
    with pytest.raises(ValueError, match=r"no .* kind \['sam'\]"):
        inject_adapters(nn.Linear(2, 2), ['sam'])
    inject_adapters(model, ['sam'])
    with pytest.raises(ValueError, match='have adapters already'):
        inject_adapters(model, ['sam'])
