# Copyright (c) mmteso contributors. All rights reserved.
"""TeSO-SAM as a whole: the segmentor with SAM's parts."""
import copy

import pytest
import torch
from mmengine.runner import Runner
from narrow import (SIZE, CallHook, adapters_of, build, load, make_batch,
                    narrow_config, narrow_model, open_gates)
from torch import nn

from data import make_avsbench
from mmteso.models.sam import read_sam_folder

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")

NAME = 'teso-sam/teso-sam_vit-b_v1m.py'
TRAINED = ('prompt_encoder.', 'decode_head.pmqs.')
ATTENTION = 'decode_head.mask_decoder.transformer'
ADAPTERS = {*(f'backbone.vision_encoder.layers.{i}.attn.proj.adapter'
              for i in range(3)),
            *(f'{ATTENTION}.layers.{i}.cross_attn_{way}.out_proj.adapter'
              for i in range(2)
              for way in ('token_to_image', 'image_to_token')),
            f'{ATTENTION}.final_attn_token_to_image.out_proj.adapter'}


def with_weights(model, folder):
    """Let a narrowed model read a narrow SAM."""
    for part in (model.backbone, model.decode_head):
        part.init_cfg = dict(type='Pretrained', checkpoint=folder)
    return model


@torch.no_grad()
def test_starts_as_sam(sam_folder):
    """Adapted, prompted through a closed gate: SAM's own mask."""
    config = with_weights(narrow_model(load(NAME).model), sam_folder)
    config.decode_head.pmqs.norm = 'zero_gated'
    model = build(config).eval()
    assert set(adapters_of(model)) == ADAPTERS
    batch = make_batch()
    expected = read_sam_folder(sam_folder).eval()(
        pixel_values=batch['inputs']['img'],
        multimask_output=False).pred_masks[:, 0]
    found = model(batch['inputs'], mode='tensor')
    assert expected.std() > 0.02
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    for path, adapter in adapters_of(model).items():  # the check sees each
        adapter.up.bias.normal_()
        assert not torch.equal(model(batch['inputs'], mode='tensor'),
                               found), path
        adapter.up.bias.zero_()
    model.decode_head.pmqs.layers[0].gamma.fill_(1)
    assert not torch.allclose(
        model(batch['inputs'], mode='tensor'), found, atol=1e-3)


def test_slide():
    """Crops of the encoder's size."""
    model = open_gates(build(NAME)).eval()
    large = make_batch(size=SIZE + 32)
    with pytest.raises(ValueError, match='img_size=64'):
        model.predict(**large)
    model.test_cfg.update(
        mode='slide', crop_size=(SIZE, SIZE), stride=(32, 32))
    samples = model.predict(**large)
    assert samples[0].sounding_score.data.shape == (1, SIZE + 32, SIZE + 32)


def test_what_trains(sam_folder, tmp_path):
    """Two epochs with a validation after each, through a real runner."""
    root = make_avsbench(tmp_path / 'data', subsets=('v1m', ))
    config = narrow_config(load(NAME), root, tmp_path, epochs=2)
    with_weights(config.model, sam_folder)
    runner = Runner.from_cfg(config)
    for adapter in adapters_of(runner.model).values():
        nn.init.ones_(adapter.up.weight)  # so that it can't be the start
    start = {}
    runner.register_hook(
        CallHook(before_train=lambda runner: start.update(
            copy.deepcopy(runner.model.state_dict()))))
    runner.train()
    model = runner.model

    # read from the folder after init_weights had its way, adapters untouched
    sam = read_sam_folder(sam_folder)
    expected = {
        f'{prefix}.{key}': value
        for prefix, part in (('backbone.vision_encoder', sam.vision_encoder),
                             ('decode_head.mask_decoder', sam.mask_decoder))
        for key, value in part.state_dict().items()}
    expected['decode_head.positional_embedding'] = \
        sam.shared_image_embedding.positional_embedding
    for key, value in expected.items():
        assert torch.equal(start[key], value), key
    assert adapters_of(model).keys() == ADAPTERS
    for path in ADAPTERS:
        assert not start[f'{path}.up.weight'].any(), path
        assert start[f'{path}.down.weight'].any(), path

    # prompts and adapters train, and nothing else
    for key, parameter in model.named_parameters():
        trains = key.startswith(TRAINED) or '.adapter.' in key
        assert parameter.requires_grad == trains, key
    for key, value in model.state_dict().items():
        changed = not torch.equal(value, start[key])
        if key.endswith('up.weight'):
            assert changed, key
        elif not key.startswith(TRAINED) and '.adapter.' not in key:
            assert not changed, key
