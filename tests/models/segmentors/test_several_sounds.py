# Copyright (c) mmteso contributors. All rights reserved.
"""``encode_image`` once, then a prediction for each prompt."""
import copy

import narrow
import pytest
import torch
from narrow import (SIZE, fcn_config, fusion_parts, load, make_batch,
                    narrow_model, open_gates, set_classes)

from mmteso.datasets.transforms import split_conditions
from mmteso.datasets.transforms.fan_out import PerCondition

NAMES = ('normal', 'mute', 'off-screen')
SLIDE = dict(mode='slide', crop_size=(48, 40), stride=(16, 24))


def teso():
    return narrow_model(load('teso/teso_swin-b_v1m.py').model)


def label_filter():
    return dict(set_classes(teso(), 4), type='LabelFilterSegmentor')


def sam():
    pytest.importorskip('transformers')
    return narrow_model(load('teso-sam/teso-sam_vit-b_v1m.py').model)


def fcn():
    preprocessor = teso().data_preprocessor
    return dict(
        fcn_config(), data_preprocessor=preprocessor, **fusion_parts((64, )))


def build(make, test_cfg=None):
    model = narrow.build(make(), test_cfg=test_cfg or dict(mode='whole'))
    return open_gates(model).eval()


def raw_batch():
    """Two frames with three sounds each, as from the dataloader."""
    batch = make_batch()
    rng = torch.Generator().manual_seed(1)
    inputs = {key: list(value) for key, value in batch['inputs'].items()}
    inputs['img'] = list(torch.randint(0, 256, (2, 3, SIZE, SIZE),
                                       dtype=torch.uint8, generator=rng))
    loudness = torch.tensor([0., -4., 3.]).view(3, 1, 1, 1)
    inputs['log_mel'] = list(
        torch.randn(2, 3, 1, 96, 64, generator=rng) + loudness)
    inputs['cue_classes'] = list(
        torch.tensor([[1, 1, 0, 1], [1, 1, 1, 0]]).bool())
    for sample in batch['data_samples']:
        sample.set_metainfo(dict(audio_condition=PerCondition(NAMES)))
    return dict(inputs=inputs, data_samples=batch['data_samples'])


@pytest.mark.parametrize('make, test_cfg, encodings', [
    (teso, SLIDE, 4),
    (label_filter, None, 1),
    (sam, None, 1),
    (fcn, SLIDE, 4),
])
@torch.no_grad()
def test_equals_separate_tests(make, test_cfg, encodings):
    """Bit for bit, at the price of one backbone; and sounds do matter."""
    model, batch = build(make, test_cfg), raw_batch()
    expected = [model.test_step(one)
                for one in split_conditions(copy.deepcopy(batch), 3)]
    calls = []
    # what is costly and needs no prompt
    parts = [model.backbone]
    if hasattr(model.decode_head, 'pixel_decoder'):
        parts.append(model.decode_head.pixel_decoder)
    for part in parts:
        part.register_forward_hook(lambda *_: calls.append(1))
    found = model.test_sounds_step(split_conditions(batch, 3))
    assert len(calls) == encodings * len(parts)
    for name, samples, others in zip(NAMES, found, expected):
        for sample, other in zip(samples, others):
            assert sample.metainfo == other.metainfo
            assert sample.audio_condition == name
            assert sorted(sample.keys()) == sorted(other.keys())
            for key in ('seg_logits', 'pred_sem_seg', 'sounding_score'):
                assert torch.equal(
                    sample.get(key).data, other.get(key).data), key
            if 'cue_scores' in other:
                assert torch.equal(sample.cue_scores, other.cue_scores)
    scores = [samples[0].sounding_score.data for samples in found]
    assert (scores[0] - scores[1]).abs().max() > 5e-4
    # nothing was written into what was given
    assert batch['data_samples'][0].audio_condition == NAMES
    assert 'sounding_score' not in batch['data_samples'][0]
