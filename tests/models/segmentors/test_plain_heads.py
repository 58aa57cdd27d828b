# Copyright (c) mmteso contributors. All rights reserved.
"""AudioTextSegmentor under heads that know nothing of sound and text."""
import copy

import pytest
import torch
from mmengine.config import ConfigDict
from mmseg.models import EncoderDecoder
from narrow import (SIZE, build, fcn_config, fusion_parts, load, make_batch,
                    narrow_model)


@pytest.mark.parametrize('fused', [False, True])
@pytest.mark.parametrize(
    'test_cfg', [dict(mode='whole'),
                 dict(mode='slide', crop_size=(48, 40), stride=(16, 24))])
def test_with_a_plain_head_is_an_encoder_decoder(test_cfg, fused):
    """With an untrained fusion, too, to the last bit."""
    config = dict(fcn_config(), test_cfg=ConfigDict(test_cfg))
    parts = fusion_parts((64, )) if fused else dict(type='AudioTextSegmentor')
    stock = build(config, type='EncoderDecoder').eval()
    ours = build(dict(config, **parts), seed=1).eval()
    assert type(stock) is EncoderDecoder
    ours.load_state_dict(stock.state_dict(), strict=not fused)
    batch = make_batch()
    losses = ours.loss(**copy.deepcopy(batch))
    expected = stock.loss(batch['inputs']['img'], batch['data_samples'])
    assert losses.keys() == expected.keys()
    assert 'aux.loss_ce' in losses
    for name, loss in expected.items():
        assert torch.equal(losses[name], loss)

    samples = ours.predict(**copy.deepcopy(batch))
    references = stock.predict(batch['inputs']['img'], batch['data_samples'])
    for sample, reference in zip(samples, references):
        assert torch.equal(sample.seg_logits.data, reference.seg_logits.data)
        probability = reference.seg_logits.data.softmax(0)[1:]
        torch.testing.assert_close(sample.sounding_score.data, probability)
        assert ('cue_scores' in sample) == fused
    assert torch.equal(ours(batch['inputs'], mode='tensor'),
                       stock(batch['inputs']['img'], mode='tensor'))


def test_one_channel_head_gives_its_sigmoid():
    config = fcn_config()
    for head in (config.decode_head, config.auxiliary_head):
        head.update(num_classes=2, out_channels=1, threshold=0.3)
        head.loss_decode.use_sigmoid = True
    model = build(config, type='AudioTextSegmentor').eval()
    sample = model.predict(**make_batch(1))[0]
    logits = model(make_batch(1)['inputs'], mode='tensor')
    assert sample.sounding_score.shape == (SIZE, SIZE)
    assert sample.sounding_score.data.min() > 0
    assert sample.sounding_score.data.max() < 1
    assert torch.equal(sample.sounding_score.data > 0.3,
                       sample.pred_sem_seg.data == 1)
    assert logits.shape[1] == 1


def test_stock_mask2former_is_scored_as_a_share():
    """Its maps are sums over queries, no logits for a softmax."""
    config = narrow_model(load('teso/teso_swin-b_v1m.py').model)
    config.decode_head.type = 'Mask2FormerHead'
    config.decode_head.pop('pmqs')
    for name in ('prompt_encoder', 'latent_loss', 'adapters'):
        config.pop(name)
    sample = build(config).eval().predict(**make_batch(1))[0]
    maps = sample.seg_logits.data
    torch.testing.assert_close(sample.sounding_score.data,
                               maps[1:] / maps.sum(0, keepdim=True))


def test_prompts_that_reach_nothing_or_are_not_made():
    sedam = dict(type='SeDAM', text_dims=8, embed_dims=8, hidden_dims=8)
    for wrong, message in ((dict(prompt_encoder=sedam), 'takes no prompt'),
                           (dict(cue_loss=dict(type='CueLoss')),
                            'need a prompt_encoder')):
        with pytest.raises(ValueError, match=message):
            build(fcn_config(), type='AudioTextSegmentor', **wrong)
