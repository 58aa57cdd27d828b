# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
import torch
from mmseg.models.decode_heads import FCNHead
from torch.nn.functional import interpolate

from mmteso.analysis.attention import reads_cues, sounding_attention
from mmteso.analysis.frames import batches, build_test_set
from mmteso.apis import init_model
from mmteso.models.decode_heads import record_query_attention


@pytest.fixture
def items(listening_cfg):
    dataset = build_test_set(listening_cfg)
    return [dataset[index] for index in range(5)]  # two batches


@pytest.fixture
def model(listening_cfg, checkpoint):
    return init_model(listening_cfg, checkpoint)


def test_is_the_weighted_sum_over_the_queries(model, items):
    """Added up one query after another."""
    found = sounding_attention(model, items)
    assert len(found) == 5
    data = model.data_preprocessor(next(batches(items)), False)
    with torch.no_grad(), record_query_attention(model.decode_head) as records:
        classes, _ = model.decode_head(
            model.extract_feat(data['inputs']['img']), None,
            model.encode_prompt(data['inputs']))
    for i in range(2):
        expected, total = torch.zeros(4, 4), 0.
        for query, logits in enumerate(classes[-1][i]):
            assert len(logits) == 3  # background, sounding, no object
            weight = logits.exp()[1] / logits.exp().sum()
            total += weight
            # 16 places: 1 / 16 everywhere counts as 1
            expected += 16 * weight * records[2][0][i, query].view(4, 4)
        expected = interpolate(expected[None, None], (32, 32), mode='bilinear')
        np.testing.assert_allclose(
            found[i], expected[0, 0], rtol=1e-4, atol=1e-5)
        assert found[i].mean() == pytest.approx(float(total), rel=1e-4)


def test_cues_taken_away(model, items):
    """What is left does not depend on the cues, nor touch the items."""
    assert reads_cues(model)
    # random scores might drop all cues
    model.prompt_encoder.dynamic_mask.mode = 'off'
    item = items[0]
    with_cues, = sounding_attention(model, [item])
    before = item['inputs']['text_feat'].clone()
    without, = sounding_attention(model, [item], without_cues=True)
    assert torch.equal(item['inputs']['text_feat'], before)
    assert np.abs(without - with_cues).max() > 1e-6
    item['inputs']['text_feat'] += 1
    again, = sounding_attention(model, [item], without_cues=True)
    np.testing.assert_array_equal(again, without)


def test_other_heads_are_refused(model, items):
    model.decode_head = FCNHead(in_channels=4, channels=4, num_classes=2)
    with pytest.raises(TypeError, match='TeSOHead, but got FCNHead'):
        sounding_attention(model, items)
