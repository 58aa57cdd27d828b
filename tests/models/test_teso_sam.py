# Copyright (c) mmteso contributors. All rights reserved.
"""TeSO-SAM as a whole: the segmentor with SAM's parts."""
import copy

import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS
from narrow import (SIZE, CallHook, load, make_batch, narrow_config,
                    narrow_model, open_gates)
from tiny_sam import write_sam
from torch import nn

from data import make_avsbench
from mmteso.models import BottleneckAdapter
from mmteso.models.sam import read_sam_folder

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")

NAME = 'teso-sam/teso-sam_vit-b_v1m.py'
FROZEN = ('backbone', 'audio_encoder', 'decode_head.mask_decoder',
          'decode_head.no_mask_embed')
TRAINED = ('prompt_encoder', 'decode_head.pmqs')
ATTENTION = 'decode_head.mask_decoder.transformer'
ADAPTERS = {
    *(f'backbone.vision_encoder.layers.{i}.attn.proj.adapter'
      for i in range(3)),
    *(f'{ATTENTION}.layers.{i}.cross_attn_{way}.out_proj.adapter'
      for i in range(2) for way in ('token_to_image', 'image_to_token')),
    f'{ATTENTION}.final_attn_token_to_image.out_proj.adapter',
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_sam(tmp_path_factory.mktemp('sam'))


@pytest.fixture(scope='module')
def avsbench(tmp_path_factory):
    return make_avsbench(
        tmp_path_factory.mktemp('avsbench'), subsets=('v1m', ))


def with_weights(model, folder):
    """Let a narrowed model read a narrow SAM."""
    for part in (model.backbone, model.decode_head):
        part.init_cfg = dict(type='Pretrained', checkpoint=folder)
    return model


def build(folder, **overrides):
    """A narrowed model, initialised as the runner does."""
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = with_weights(narrow_model(load(NAME).model), folder)
    model.update(overrides)
    model = MODELS.build(model)
    model.init_weights()
    return model


def below(name, paths):
    return any(name == path or name.startswith(f'{path}.') for path in paths)


def adapters_of(model):
    return {
        path: module
        for path, module in model.named_modules()
        if isinstance(module, BottleneckAdapter)
    }


@pytest.fixture
def model(folder):
    """With adapters that are no identities any more."""
    return open_gates(build(folder)).eval()


# ---------------------------------------------------------------- start
@torch.no_grad()
def test_starts_as_sam(folder):
    """Adapted, prompted through a closed gate: SAM's own mask."""
    head = narrow_model(load(NAME).model).decode_head
    head.pmqs.norm = 'zero_gated'
    head.init_cfg = dict(type='Pretrained', checkpoint=folder)
    model = build(folder, decode_head=head).eval()
    assert set(adapters_of(model)) == ADAPTERS
    batch = make_batch()
    expected = read_sam_folder(folder).eval()(
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


# ---------------------------------------------------------------- loss
# ---------------------------------------------------------------- predict
def test_predictions(model):
    batch = make_batch()
    for sample in batch['data_samples']:
        sample.set_metainfo(dict(ori_shape=(50, 70)))
    prompt = model.encode_prompt(batch['inputs'])
    samples = model.predict(**batch)
    for i, sample in enumerate(samples):
        assert sample.seg_logits.data.shape == (1, 50, 70)
        score = sample.sounding_score.data
        assert score.shape == (1, 50, 70)
        assert score.min() >= 0 and score.max() <= 1
        labels = sample.pred_sem_seg.data
        assert torch.equal(score > 0.5, labels == 1)
        assert 0 < labels.float().mean() < 1
        assert torch.equal(sample.cue_scores, prompt.scores[i])


def test_sound_changes_the_prediction(model):
    """Normal sound, mute and noise."""
    batch = make_batch()
    noise = 6 + 3 * torch.randn(2, 1, 96, 64)
    scores = [
        model.predict(dict(batch['inputs'],
                           log_mel=log_mel))[0].sounding_score.data
        for log_mel in (batch['inputs']['log_mel'],
                        torch.full((2, 1, 96, 64), -4.6), noise)
    ]
    for one, other in zip(scores, scores[1:] + scores[:1]):
        assert (one - other).abs().max() > 1e-3


def test_slide(model):
    """Crops of the encoder's size."""
    large = make_batch(size=SIZE + 32)
    with pytest.raises(ValueError, match='img_size=64'):
        model.predict(**large)
    model.test_cfg.update(
        mode='slide', crop_size=(SIZE, SIZE), stride=(32, 32))
    samples = model.predict(**large)
    assert samples[0].sounding_score.data.shape == (1, SIZE + 32, SIZE + 32)


def test_bfloat16_autocast(model):
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.train().loss(**make_batch(silent=0))
    sum(losses.values()).backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert torch.isfinite(parameter.grad).all(), name
    exact = model.eval().predict(**make_batch())
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        samples = model.predict(**make_batch())
    for sample, reference in zip(samples, exact):
        score = sample.sounding_score.data
        assert score.dtype == torch.float32
        torch.testing.assert_close(
            score, reference.sounding_score.data, atol=0.05, rtol=0)


# ---------------------------------------------------------------- runner
def test_what_trains(avsbench, folder, tmp_path):
    """Two epochs with a validation after each, through a real runner."""
    config = narrow_config(load(NAME), avsbench, tmp_path, epochs=2)
    with_weights(config.model, folder)
    runner = Runner.from_cfg(config)
    for adapter in adapters_of(runner.model).values():
        nn.init.ones_(adapter.up.weight)  # so that it can't be the start
    start, modes, rates = {}, [], {}

    def remember(runner):
        start.update(copy.deepcopy(runner.model.state_dict()))

    def look(runner):
        names = {id(p): n for n, p in runner.model.named_parameters()}
        for group in runner.optim_wrapper.optimizer.param_groups:
            for parameter in group['params']:
                rates.setdefault(names[id(parameter)], group['lr'])
        modes.append({
            path
            for path, module in runner.model.named_modules()
            if module.training
        })

    runner.register_hook(
        CallHook(before_train=remember, before_train_iter=look))
    runner.train()
    assert len(modes) == 2
    model = runner.model

    # read from the folder after init_weights had its way, adapters untouched
    sam = read_sam_folder(folder)
    encoder = {
        key.removeprefix('backbone.vision_encoder.'): value
        for key, value in start.items()
        if key.startswith('backbone.') and '.adapter.' not in key
    }
    assert encoder.keys() == sam.vision_encoder.state_dict().keys()
    for key, value in sam.vision_encoder.state_dict().items():
        assert torch.equal(encoder[key], value), key
    for key, value in sam.mask_decoder.state_dict().items():
        assert torch.equal(start[f'decode_head.mask_decoder.{key}'], value)
    assert torch.equal(start['decode_head.positional_embedding'],
                       sam.shared_image_embedding.positional_embedding)
    for path in ADAPTERS:
        assert not start[f'{path}.up.weight'].any(), path
        assert start[f'{path}.down.weight'].any(), path

    # what is trained, and at which rate (the warm-up begins at a hundredth)
    assert set(adapters_of(model)) == ADAPTERS
    trainable = {n for n, p in model.named_parameters() if p.requires_grad}
    assert trainable == {
        name
        for name, _ in model.named_parameters()
        if below(name, TRAINED) or below(name, ADAPTERS)
    }
    assert rates.keys() == trainable
    for name, rate in rates.items():
        expected = 1e-4 if name.startswith('backbone.') else 1e-3
        assert rate == pytest.approx(expected / 100), name

    # eval mode where frozen, at the start and after a validation
    for training in modes:
        for path, _ in model.named_modules():
            frozen = below(path, FROZEN) and not below(path, ADAPTERS)
            assert (path not in training) == frozen, path
    for key, value in model.state_dict().items():
        changed = not torch.equal(value, start[key])
        if key not in trainable:
            assert not changed, key
        elif key.endswith('up.weight'):
            assert changed, key

    # what training wrote is all that testing needs
    metrics = runner.test()
    assert {'J', 'F'} <= set(metrics)
    config = narrow_config(load(NAME), avsbench, tmp_path / 'test')
    config.load_from = str(tmp_path / 'epoch_2.pth')
    again = Runner.from_cfg(config)
    assert again.test() == metrics
