# Copyright (c) mmteso contributors. All rights reserved.
"""AudioTextSegmentor whose features are told what sounds."""
import copy
from unittest import mock

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from narrow import (PROMPT_DIMS, fcn_config, fusion_parts, load, make_batch,
                    narrow_model)
from torch import nn

from mmteso.datasets.transforms import PerCondition

WHOLE = ConfigDict(mode='whole')
SLIDE = ConfigDict(mode='slide', crop_size=(48, 40), stride=(16, 24))


def build(config,
          in_channels,
          fusion=True,
          prompt_dims=PROMPT_DIMS,
          trained=True,
          levels=None,
          **overrides):
    init_default_scope('mmseg')
    torch.manual_seed(0)
    parts = fusion_parts(in_channels, prompt_dims, levels=levels)
    if not fusion:
        parts['fusion'] = None
    config = ConfigDict(dict(copy.deepcopy(config), **parts))
    config.update(overrides)
    model = MODELS.build(config)
    model.init_weights()
    if fusion and trained:
        for layer in model.fusion.layers.values():
            nn.init.normal_(layer.up.weight)
    return model.eval()


def fcn(**kwargs):
    return build(fcn_config(), (64, ), **kwargs)


def teso(**kwargs):
    config = narrow_model(load('teso/teso_r50_v1m.py').model)
    config.pop('type')
    return build(config, (32, 64, 128, 256), **kwargs)


@pytest.mark.parametrize('test_cfg', [WHOLE, SLIDE])
def test_untrained_it_leaves_the_host_as_it_is(test_cfg):
    model = fcn(trained=False, test_cfg=test_cfg)
    host = MODELS.build(
        dict(fcn_config(), type='AudioTextSegmentor', test_cfg=test_cfg))
    host.load_state_dict(model.state_dict(), strict=False)
    batch = make_batch()
    ours, theirs = (net.eval().predict(**copy.deepcopy(batch))
                    for net in (model, host))
    for one, other in zip(ours, theirs):
        assert torch.equal(one.seg_logits.data, other.seg_logits.data)
        assert 'cue_scores' in one and 'cue_scores' not in other
    losses = model.loss(**copy.deepcopy(batch))
    for name, loss in host.loss(**batch).items():
        assert torch.equal(losses[name], loss)


@pytest.mark.parametrize('make', [fcn, teso])
def test_all_heads_hear(make):
    model, batch = make(), make_batch()
    other = copy.deepcopy(batch)
    other['inputs']['log_mel'] += 1
    assert model.hears
    one, two = (model.predict(**copy.deepcopy(b)) for b in (batch, other))
    assert (one[0].seg_logits.data - two[0].seg_logits.data).abs().max() > 1e-4
    if make is fcn:
        assert not torch.equal(*(model(b['inputs'], mode='tensor')
                                 for b in (batch, other)))


def test_auxiliary_heads_hear():
    model, batch = fcn(), make_batch()
    other = copy.deepcopy(batch)
    other['inputs']['log_mel'] += 1
    one, two = (model.loss(**b) for b in (batch, other))
    for name in ('decode.loss_ce', 'aux.loss_ce'):
        assert one[name] != two[name]


def test_the_loss_of_a_plain_head_trains_sedam():
    model = fcn(latent_loss=dict(type='LatentComponentLoss')).train()
    losses = model.loss(**make_batch())
    assert 'loss_latent' in losses
    (losses['decode.loss_ce'] + losses['aux.loss_ce']).backward()
    for name, parameter in model.prompt_encoder.named_parameters():
        # a softmax doesn't feel a shift of all keys
        if not name.endswith('k_proj.bias'):
            assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize('make', [fcn, teso])
@pytest.mark.parametrize('test_cfg', [WHOLE, SLIDE])
def test_several_sounds_at_once(make, test_cfg):
    model = make(test_cfg=test_cfg)
    batch = make_batch()
    names = ('normal', 'mute', 'off-screen')
    rng = torch.Generator().manual_seed(1)
    sounds = torch.randn(2, 3, 1, 96, 64, generator=rng)
    batch['inputs']['log_mel'] = sounds
    for sample in batch['data_samples']:
        sample.set_metainfo(dict(audio_condition=PerCondition(names)))
    calls = []
    hook = model.backbone.register_forward_hook(lambda *_: calls.append(1))
    together = model.predict_conditions(**batch)
    hook.remove()
    crops = 1 if test_cfg['mode'] == 'whole' else 4
    assert len(calls) == crops
    logits = []
    for k, samples in enumerate(together):
        one = copy.deepcopy(batch)
        one['inputs']['log_mel'] = sounds[:, k].contiguous()
        for sample in one['data_samples']:
            sample.set_metainfo(dict(audio_condition=names[k]))
        for sample, other in zip(samples, model.predict(**one)):
            assert torch.equal(sample.seg_logits.data, other.seg_logits.data)
        logits.append(samples[0].seg_logits.data)
    assert not torch.equal(logits[0], logits[1])


def test_fusion_needs_a_prompt():
    with pytest.raises(ValueError, match='need a prompt_encoder'):
        fcn(prompt_encoder=None)


def test_without_fusion_the_error_names_it():
    with pytest.raises(ValueError, match='AudioTextFusion'):
        fcn(fusion=False)


def test_an_init_cfg_leaves_the_fusion_an_identity():
    """A pattern that reaches every linear layer, through the real call."""
    model = fcn(
        trained=False,
        init_cfg=dict(type='Normal', layer='Linear', std=1.0))
    assert any(
        layer.weight.std() > 0.5 for layer in model.prompt_encoder.modules()
        if isinstance(layer, nn.Linear))
    batch = make_batch()
    loud = copy.deepcopy(batch)
    loud['inputs']['log_mel'] += 1
    one, other = (model.predict(**data) for data in (batch, loud))
    assert torch.equal(one[0].seg_logits.data, other[0].seg_logits.data)
    # a second call must not undo a training
    nn.init.normal_(model.fusion.layers['0'].up.weight)
    model.init_weights()
    assert model.fusion.layers['0'].up.weight.abs().max() > 0


@pytest.mark.parametrize('auxiliary', [None, 'one', 'two'])
def test_levels_that_no_head_reads(auxiliary):
    config = fcn_config()
    config.backbone.out_indices = (1, 2, 3)
    config.decode_head.in_index = -1
    first = dict(config.auxiliary_head, in_index=0, in_channels=16)
    config.auxiliary_head = {
        None: None,
        'one': first,
        'two': [first, config.auxiliary_head]
    }[auxiliary]
    if auxiliary == 'two':
        config.auxiliary_head[1].in_index = 2
    read = [2] if auxiliary is None else [0, 2]
    with mock.patch('mmteso.models.necks.fusion_levels.print_log') as log:
        build(config, (16, 32, 64))
        assert log.call_args.args[0].endswith(f'set fusion.levels={read}')
        log.reset_mock()
        build(config, (16, 32, 64), levels=read)
        log.assert_not_called()


def test_weights_of_a_trained_fusion_survive_pretrained(tmp_path):
    """init_cfg names a checkpoint of this very model, alone or in a list."""
    state = fcn().state_dict()
    assert state['fusion.layers.0.up.weight'].abs().max() > 0.1
    path = str(tmp_path / 'trained.pth')
    torch.save(dict(state_dict=state), path)
    pretrained = dict(type='Pretrained', checkpoint=path)
    for init_cfg in (pretrained, [
            dict(type='Normal', layer='Linear', std=1.0), pretrained
    ]):
        model = fcn(trained=False, init_cfg=init_cfg)
        for name, value in model.state_dict().items():
            assert torch.equal(value, state[name]), name


def test_a_fusion_is_no_neck():
    config = fcn_config()
    config.neck = dict(type='AudioTextFusion', in_channels=[64])
    with pytest.raises(TypeError, match='set it as `fusion`'):
        build(config, (64, ))


def test_widths_are_compared():
    with pytest.raises(ValueError,
                       match=f'set fusion.prompt_dims={PROMPT_DIMS}'):
        fcn(prompt_dims=8)
    with pytest.raises(ValueError, match='set decode_head.pmqs.prompt_dims=8'):
        teso(prompt_encoder=dict(embed_dims=8), fusion=False)


def test_a_head_with_one_channel():
    """mmseg's suggestion for two classes: sigmoid and a threshold."""
    config = fcn_config()
    for head in (config.decode_head, config.auxiliary_head):
        head.update(
            out_channels=1,
            threshold=0.3,
            loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    model, batch = build(config, (64, )), make_batch()
    model.loss(**copy.deepcopy(batch))['decode.loss_ce'].backward()
    sample, _ = model.predict(**batch)
    assert sample.seg_logits.data.shape[0] == 1
    score = sample.sounding_score.data
    assert torch.equal(sample.pred_sem_seg.data == 1, score > 0.3)
