# Copyright (c) mmteso contributors. All rights reserved.
import copy
import inspect

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from narrow import SIZE, load, make_batch, narrow_model
from torch import nn

from mmteso.datasets.transforms import PerCondition
from mmteso.models import (AudioTextSegmentor, BottleneckAdapter,
                           LabelFilterSegmentor)

NAMES = ('normal', 'mute', 'wgn-10db', 'wgn-40db', 'off-screen')
SLIDE = ConfigDict(mode='slide', crop_size=(48, 40), stride=(16, 24))


def build(name='teso/teso_swin-b_v1m.py', **overrides):
    """A narrowed model with adapters that do something."""
    init_default_scope('mmseg')
    torch.manual_seed(0)
    config = narrow_model(load(name).model)
    for path, value in overrides.items():
        part = config
        *path, last = path.split('__')
        for key in path:
            part = part[key]
        part[last] = value
    model = MODELS.build(config)
    model.init_weights()
    for module in model.modules():
        if isinstance(module, BottleneckAdapter):
            nn.init.normal_(module.up.weight, std=0.1)
    return model.eval()


def make_sounds(batch_size=2, dtype=torch.float32, number=5):
    """A batch with several sounds for each frame."""
    batch = make_batch(batch_size)
    rng = torch.Generator().manual_seed(1)
    batch['inputs'] = {
        name: value.to(dtype) if value.is_floating_point() else value
        for name, value in batch['inputs'].items()
    }
    batch['inputs']['log_mel'] = torch.randn(
        batch_size, number, 1, 96, 64, generator=rng, dtype=dtype)
    for sample in batch['data_samples']:
        sample.set_metainfo(
            dict(audio_condition=PerCondition(NAMES[:number])))
    return batch


def separately(model, batch, number=5):
    """As many runs with one sound each."""
    results = []
    for k in range(number):
        one = copy.deepcopy(batch)
        one['inputs']['log_mel'] = one['inputs']['log_mel'][:, k].contiguous()
        for sample in one['data_samples']:
            sample.set_metainfo(dict(audio_condition=NAMES[k]))
        results.append(model.predict(**one))
    return results


def check_same(together, single, tolerance=0.):
    assert len(together) == len(single)
    for samples, others in zip(together, single):
        assert len(samples) == len(others)
        for sample, other in zip(samples, others):
            # of a set, in any order
            assert sorted(sample.keys()) == sorted(other.keys())
            assert sample.metainfo == other.metainfo
            for key in ('seg_logits', 'sounding_score'):
                one, two = sample.get(key).data, other.get(key).data
                if tolerance:
                    torch.testing.assert_close(
                        one, two, rtol=tolerance, atol=0)
                else:
                    assert torch.equal(one, two)
            assert torch.equal(sample.pred_sem_seg.data,
                               other.pred_sem_seg.data)
            if 'cue_scores' in other:
                assert torch.equal(sample.cue_scores, other.cue_scores)
                assert torch.equal(sample.cue_kept, other.cue_kept)
            assert torch.equal(sample.gt_sem_seg.data, other.gt_sem_seg.data)


@pytest.mark.parametrize('batch_size, overrides', [
    (1, dict()),
    (2, dict()),
    (2, dict(adapters=None)),
    (2, dict(decode_head__pmqs__norm='zero_gated')),
    (2, dict(test_cfg=SLIDE)),
    (1, dict(prompt_encoder__no_cue='audio')),
])
@torch.no_grad()
def test_equals_separate_runs(batch_size, overrides):
    """Bit for bit, and sounds do matter."""
    model = build(**overrides)
    if 'decode_head__pmqs__norm' in overrides:
        nn.init.normal_(model.decode_head.pmqs.layers[0].gamma)
    batch = make_sounds(batch_size)
    before = copy.deepcopy(batch)
    together = model.predict_conditions(**batch)
    check_same(together, separately(model, batch))
    scores = [samples[0].sounding_score.data for samples in together]
    assert (scores[0] - scores[1]).abs().max() > 1e-5
    # nothing was written into what was given
    assert batch['inputs'].keys() == before['inputs'].keys()
    for sample, other in zip(batch['data_samples'], before['data_samples']):
        assert sorted(sample.keys()) == sorted(other.keys())
        assert sample.audio_condition == NAMES


@torch.no_grad()
def test_equals_separate_runs_in_double_precision():
    model = build().double()
    batch = make_sounds(dtype=torch.float64)
    check_same(
        model.predict_conditions(**batch), separately(model, batch), 1e-10)


@pytest.mark.parametrize('test_cfg, crops', [(dict(mode='whole'), 1),
                                             (SLIDE, 4)])
@torch.no_grad()
def test_a_frame_is_looked_at_once(test_cfg, crops):
    model = build(test_cfg=ConfigDict(test_cfg))
    calls = []
    for name in ('backbone', 'decode_head.pixel_decoder', 'audio_encoder'):
        model.get_submodule(name).register_forward_hook(
            lambda *_, name=name: calls.append(name))
    model.predict_conditions(**make_sounds())
    assert calls.count('backbone') == crops
    assert calls.count('decode_head.pixel_decoder') == crops
    assert calls.count('audio_encoder') == 5
    # what it has seen is forgotten, also after an error
    assert model._image_memory is None
    with pytest.raises(KeyError):
        batch = make_sounds()
        batch['inputs'].pop('text_feat')
        model.predict_conditions(**batch)
    assert model._image_memory is None
    first = model.predict(**make_batch())
    other = make_batch()
    other['inputs']['img'] += 1
    assert not torch.equal(first[0].seg_logits.data,
                           model.predict(**other)[0].seg_logits.data)


@torch.no_grad()
def test_no_data_samples():
    model = build()
    inputs = make_sounds()['inputs']
    together = model.predict_conditions(inputs)
    for k, samples in enumerate(together):
        alone = model.predict(dict(inputs, log_mel=inputs['log_mel'][:, k]))
        for sample, other in zip(samples, alone):
            assert torch.equal(sample.seg_logits.data, other.seg_logits.data)


@torch.no_grad()
def test_test_conditions_step():
    """From what a dataloader gives."""
    model = build()
    batch = make_sounds()
    raw = dict(
        inputs={
            name: list(value.unbind(0))
            for name, value in batch['inputs'].items()
        },
        data_samples=batch['data_samples'])
    raw['inputs']['img'] = [
        torch.randint(0, 256, (3, SIZE, SIZE), dtype=torch.uint8)
        for _ in range(2)
    ]
    together = model.test_conditions_step(raw)
    for k, samples in enumerate(together):
        one = dict(
            inputs=dict(
                raw['inputs'],
                log_mel=[sound[k] for sound in raw['inputs']['log_mel']]),
            data_samples=copy.deepcopy(batch['data_samples']))
        for sample, other in zip(samples, model.test_step(one)):
            assert torch.equal(sample.seg_logits.data, other.seg_logits.data)
            assert sample.audio_condition == NAMES[k]


# ------------------------------------------------------------ other segmentors
def count_predictions(model):
    calls, predict = [], model.predict

    def spy(*args, **kwargs):
        calls.append(args)
        return predict(*args, **kwargs)

    model.predict = spy
    return calls


@torch.no_grad()
def test_without_a_prompt_everything_is_computed_once():
    config = narrow_model(load('teso/teso_swin-b_v1m.py').model)
    config.decode_head.pop('pmqs')
    for name in ('prompt_encoder', 'latent_loss'):
        config.pop(name)
    init_default_scope('mmseg')
    model = MODELS.build(config).eval()
    assert not model.hears
    batch = make_sounds()
    expected = separately(model, batch)
    calls = count_predictions(model)
    check_same(model.predict_conditions(**batch), expected)
    assert len(calls) == 1


@torch.no_grad()
def test_text_alone_hears_nothing():
    model = build(
        prompt_encoder=ConfigDict(
            type='TextPrompt', text_dims=24, embed_dims=40, hidden_dims=16),
        latent_loss=None)
    assert not model.hears
    batch = make_sounds()
    expected = separately(model, batch)
    calls = count_predictions(model)
    check_same(model.predict_conditions(**batch), expected)
    assert len(calls) == 1


@torch.no_grad()
def test_label_filter_filters_each_condition():
    model = build(
        type='LabelFilterSegmentor',
        decode_head__num_classes=4,
        decode_head__loss_cls__class_weight=[1.0] * 4 + [0.1])
    assert type(model) is LabelFilterSegmentor and model.hears
    batch = make_sounds()
    batch['inputs']['cue_classes'] = torch.tensor(
        [[False, True, False, False], [False, False, False, True]])
    together = model.predict_conditions(**batch)
    check_same(together, separately(model, batch))
    assert not together[1][0].seg_logits.data[2].any()


def test_signature_is_that_of_predict():
    """Everything but the sounds is as for one."""
    several = inspect.signature(AudioTextSegmentor.predict_conditions)
    assert list(several.parameters) == list(
        inspect.signature(AudioTextSegmentor.predict).parameters)


# ---------------------------------------------------------------------- errors
@torch.no_grad()
def test_one_sound_is_no_sound_axis():
    model = build('teso/teso_r18_synthavs.py')
    batch = make_batch()
    with pytest.raises(ValueError, match=r'\(2, 1, 96, 64\), expected .B, K'):
        model.predict_conditions(**batch)
    for sample in batch['data_samples']:
        sample.set_metainfo(dict(audio_condition='mute'))
    with pytest.raises(ValueError, match='name no conditions'):
        model.predict_conditions(**batch)
    batch = make_sounds()
    batch['inputs']['log_mel'] = batch['inputs']['log_mel'][:, :4]
    with pytest.raises(ValueError, match='name 5 conditions'):
        model.predict_conditions(**batch)
