# Copyright (c) mmteso contributors. All rights reserved.
import copy

import pytest
import torch
from narrow import SIZE, load, make_batch, narrow_model, set_classes
from narrow import build as build_model


CLASSES = 5


def build(name='LabelFilterSegmentor'):
    config = narrow_model(load('teso/teso_swin-b_v1m.py').model)
    model = build_model(set_classes(config, CLASSES), type=name).eval()

    def maps_of_all_classes(x, metas, *args, **kwargs):
        """A random model finds one class everywhere."""
        generator = torch.Generator().manual_seed(0)
        return torch.rand(len(metas), CLASSES, SIZE, SIZE, generator=generator)

    model.decode_head.predict = maps_of_all_classes
    return model


@pytest.fixture(scope='module')
def model():
    return build()


def batch(*rows):
    """Frames whose cues name these classes."""
    data = make_batch(len(rows), num_classes=CLASSES)
    allowed = torch.zeros(len(rows), CLASSES, dtype=torch.bool)
    for row, classes in zip(allowed, rows):
        row[[0, *classes]] = True
    data['inputs']['cue_classes'] = allowed
    return data


@torch.no_grad()
def predict(model, data):
    return model.predict(data['inputs'], copy.deepcopy(data['data_samples']))


def test_predictions_are_of_the_cues_classes(model):
    data = batch([1, 3], [2], range(CLASSES))
    plain = predict(build('AudioTextSegmentor'), data)
    found = predict(model, data)
    for sample, before, allowed in zip(found, plain, ({1, 3}, {2}, None)):
        old, labels = before.pred_sem_seg.data, sample.pred_sem_seg.data
        # there is something to drop
        assert set(old.unique().tolist()) == set(range(CLASSES))
        if allowed is None:
            assert torch.equal(labels, old)
            continue
        assert set(labels.unique().tolist()) <= {0} | allowed
        assert labels.dtype == old.dtype and labels.any()
        # what is kept was there before, the rest is background
        assert ((labels == old) | (labels == 0)).all()
        score = sample.sounding_score.data
        # the sums that make the score are taken in another order
        assert (score <= before.sounding_score.data + 1e-6).all()
        expected = sample.seg_logits.data[1:].sum(
            0, keepdim=True) / before.seg_logits.data.sum(0, keepdim=True)
        torch.testing.assert_close(score, expected)


def test_without_the_classes(model):
    data = batch([1])
    data['inputs']['cue_classes'] = torch.ones(1, 71, dtype=torch.bool)
    with pytest.raises(ValueError, match='predicts 5 classes.*71.*semantic'):
        predict(model, data)
    del data['inputs']['cue_classes']
    with pytest.raises(KeyError, match='CuesToClasses'):
        predict(model, data)
