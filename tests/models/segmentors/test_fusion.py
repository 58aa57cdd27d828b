# Copyright (c) mmteso contributors. All rights reserved.
"""AudioTextSegmentor whose features are told what sounds."""
import copy

import narrow
import pytest
import torch
from narrow import (PROMPT_DIMS, TEXT_DIMS, fcn_config, fusion_parts, load,
                    make_batch, narrow_model, open_gates)


def build(config, in_channels, fusion=True, prompt_dims=PROMPT_DIMS,
          trained=True, **overrides):
    parts = fusion_parts(in_channels, prompt_dims)
    if not fusion:
        parts['fusion'] = None
    model = narrow.build(dict(config, **parts), **overrides)
    return (open_gates(model) if trained else model).eval()


def fcn(**kwargs):
    return build(fcn_config(), (64, ), **kwargs)


def teso(**kwargs):
    config = narrow_model(load('teso/teso_r50_v1m.py').model)
    config.pop('type')
    return build(config, (32, 64, 128, 256), **kwargs)


@pytest.mark.parametrize('make', [fcn, teso])
def test_sound_reaches_all_heads(make):
    model, batch = make(), make_batch()
    other = copy.deepcopy(batch)
    other['inputs']['log_mel'] += 1
    one, two = (model.predict(**copy.deepcopy(b)) for b in (batch, other))
    assert (one[0].seg_logits.data - two[0].seg_logits.data).abs().max() > 1e-3
    if make is fcn:
        one, two = (model.loss(**b) for b in (batch, other))
        for name in ('decode.loss_ce', 'aux.loss_ce'):
            assert (one[name] - two[name]).abs() > 1e-5


def test_the_loss_of_a_plain_head_trains_sedam():
    model = fcn(latent_loss=dict(type='LatentComponentLoss')).train()
    losses = model.loss(**make_batch())
    assert 'loss_latent' in losses
    (losses['decode.loss_ce'] + losses['aux.loss_ce']).backward()
    for name, parameter in model.prompt_encoder.named_parameters():
        # a softmax doesn't feel a shift of all keys
        if not name.endswith('k_proj.bias'):
            assert parameter.grad.abs().max() > 0, name


def test_weights_of_a_trained_fusion_survive_pretrained(tmp_path):
    """init_cfg names a checkpoint of this very model, here in a list."""
    state = fcn().state_dict()
    assert state['fusion.layers.0.up.weight'].abs().max() > 0.1
    path = str(tmp_path / 'trained.pth')
    torch.save(dict(state_dict=state), path)
    model = fcn(trained=False,
                init_cfg=[dict(type='Normal', layer='Linear', std=1.0),
                          dict(type='Pretrained', checkpoint=path)])
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_widths_are_compared():
    with pytest.raises(ValueError,
                       match=f'set fusion.prompt_dims={PROMPT_DIMS}'):
        fcn(prompt_dims=8)
    with pytest.raises(ValueError, match='set decode_head.pmqs.prompt_dims=8'):
        teso(prompt_encoder=dict(embed_dims=8), fusion=False)
    with pytest.raises(ValueError, match='set prompt_encoder.audio_dims=128'):
        fcn(prompt_encoder=dict(type='SeDAM', audio_dims=768))


def test_a_fusion_is_no_neck():
    with pytest.raises(TypeError, match='set it as `fusion`'):
        fcn(neck=fusion_parts((64, ))['fusion'], fusion=False,
            prompt_encoder=None)


def test_levels_that_no_head_reads_are_named(warned):
    assert fcn_config().decode_head.in_index == 0
    fcn()
    assert warned == []
    build(fcn_config(), (64, 8, 8))
    assert '[1, 2]' in warned[0] and 'fusion.levels=[0]' in warned[0]


def test_a_loss_needs_something_to_read():
    model = fcn(
        prompt_encoder=dict(type='TextPrompt', text_dims=TEXT_DIMS,
                            embed_dims=PROMPT_DIMS, hidden_dims=16),
        audio_encoder=None, latent_loss=dict(type='LatentComponentLoss'))
    with pytest.raises(ValueError, match='TextPrompt makes nothing for'):
        model.loss(**make_batch())
