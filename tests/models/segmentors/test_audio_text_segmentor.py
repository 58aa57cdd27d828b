# Copyright (c) mmteso contributors. All rights reserved.
import copy
import importlib.util

import pytest
import torch
from mmengine.config import ConfigDict
from narrow import SIZE, build, make_batch, open_gates

SWIN = 'teso/teso_swin-b_v1m.py'
CUE_LOSS = 'teso/teso-cue_swin-b_v1m.py'
SAM = pytest.param(
    'teso-sam/teso-sam_vit-b_v1m.py', marks=pytest.mark.skipif(
        importlib.util.find_spec('transformers') is None,
        reason="needs pip install 'mmteso[text]'"))


@pytest.fixture
def model():
    return open_gates(build(SWIN)).eval()


def test_losses(model):
    losses = model.train().loss(**make_batch(silent=0))
    assert set(losses) == {'loss_latent'} | {
        f'decode.{prefix}loss_{kind}'
        for prefix in ('', 'd0.', 'd1.', 'd2.', 'd3.')
        for kind in ('cls', 'mask', 'dice')}
    sum(losses.values()).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name


def test_cue_loss_trains_the_scores():
    model = build(CUE_LOSS).train()
    batch = make_batch()
    losses = model.loss(**batch)
    scores = model.encode_prompt(batch['inputs']).scores
    expected = -(scores[:, 0].sigmoid().log() +
                 (-scores[:, 1]).sigmoid().log()).mean() / 2
    torch.testing.assert_close(losses['loss_cue'], expected)
    del batch['data_samples'][1].gt_cues
    with pytest.raises(KeyError, match='cue_target'):
        model.loss(**batch)


def test_missing_inputs_are_named(model):
    batch = make_batch()
    inputs = dict(batch['inputs'])
    del inputs['log_mel'], inputs['text_valid']
    with pytest.raises(KeyError, match=r"lack \['log_mel', 'text_valid'\]"):
        model.predict(inputs)
    inputs = dict(batch['inputs'], audio_feat=torch.randn(2, 128))
    with pytest.raises(ValueError, match="twice, 'log_mel' and 'audio_feat'"):
        model.predict(inputs)
    wide = dict(batch['inputs'], text_feat=torch.randn(2, 4, 768))
    with pytest.raises(ValueError, match='text features have 768 channels'):
        model.predict(wide)
    model.audio_encoder = None
    with pytest.raises(KeyError, match=r"lack \['audio_feat'\]"):
        model.predict(batch['inputs'])
    inputs = dict(batch['inputs'], audio_feat=torch.randn(2, 128))
    assert len(model.predict(inputs)) == 2


@pytest.mark.parametrize('name', [SWIN, SAM])
def test_predictions(name):
    model, batch = open_gates(build(name)).eval(), make_batch()
    for sample in batch['data_samples']:
        sample.set_metainfo(dict(ori_shape=(50, 70)))
    prompt = model.encode_prompt(batch['inputs'])
    samples = model.predict(**batch)
    for i, sample in enumerate(samples):
        assert sample is batch['data_samples'][i]
        assert sample.seg_logits.data.shape == (model.out_channels, 50, 70)
        score = sample.sounding_score.data
        assert score.shape == (1, 50, 70)
        assert score.min() >= 0 and score.max() <= 1
        assert torch.equal(score > 0.5, sample.pred_sem_seg.data == 1)
        assert torch.equal(sample.cue_scores, prompt.scores[i])
        assert torch.equal(sample.cue_kept, prompt.kept[i])
        assert not sample.cue_kept[3]  # padding
        # what mmengine's evaluator hands to metrics
        assert 'cue_kept' in sample.to_dict()


def slide(model, crop, stride):
    model.test_cfg = ConfigDict(mode='slide', crop_size=crop, stride=stride)


def test_slide_with_one_crop_equals_whole(model):
    batch = make_batch()
    whole = model.predict(**copy.deepcopy(batch))
    slide(model, (2 * SIZE, SIZE), (16, 16))
    for a, b in zip(model.predict(**batch), whole):
        assert torch.equal(a.seg_logits.data, b.seg_logits.data)
    slide(model, (16, 16), (32, 32))
    with pytest.raises(ValueError, match='stride'):
        model.predict(**batch)


def test_slide_averages_crops(model):
    """Metas with pad_shape, two frames, an edge that the stride overshoots."""
    slide(model, (32, 48), (24, 16))
    batch = make_batch()
    inputs = batch['inputs']
    samples = model.predict(**batch)
    prompt = model.encode_prompt(inputs)
    total = torch.zeros(2, 2, SIZE, SIZE)
    count = torch.zeros(SIZE, SIZE)
    for top in (0, 24, 32):
        for left in (0, 16):
            crop = inputs['img'][:, :, top:top + 32, left:left + 48]
            result = model.decode_head.predict(
                model.extract_feat(crop), [dict(img_shape=(32, 48))] * 2, None,
                prompt)
            total[:, :, top:top + 32, left:left + 48] += result
            count[top:top + 32, left:left + 48] += 1
    for sample, expected in zip(samples, total / count):
        torch.testing.assert_close(sample.seg_logits.data, expected)
        # metas are left as they are
        assert sample.metainfo['pad_shape'] == (SIZE, SIZE)


@pytest.mark.parametrize('name', [CUE_LOSS, SAM])
def test_bfloat16_autocast(name):
    model = open_gates(build(name)).train()
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.loss(**make_batch(silent=0))
    assert all(torch.isfinite(loss) for loss in losses.values())
    sum(losses.values()).backward()
    for key, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert torch.isfinite(parameter.grad).all(), key
    model.eval()
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        samples = model.predict(**make_batch())
    for sample in samples:
        score = sample.sounding_score.data
        # metrics go through NumPy, which knows no bfloat16, and have 255
        # thresholds, which bfloat16 can't tell apart
        assert score.dtype == torch.float32
        assert score.unique().numel() > 1000
        assert torch.equal(score > 0.5, sample.pred_sem_seg.data == 1)


def test_pixel_decoder_keeps_float32_under_autocast():
    """mmcv casts sampling locations to the type of the features."""
    model = build(SWIN).eval()
    seen = []
    attention = model.decode_head.pixel_decoder.encoder.layers[0].self_attn
    attention.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs['query'].dtype),
        with_kwargs=True)
    inputs = make_batch()['inputs']
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        features = model.extract_feat(inputs['img'])
        memory = model.decode_head.encode_image(features)
    assert features[-1].dtype == torch.bfloat16
    assert seen == [torch.float32]
    assert memory.mask_features.dtype == torch.float32
