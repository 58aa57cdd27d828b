# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
import torch

from mmteso.evaluation.functional import (average_classes, count_classes,
                                          mean_over_classes)


def literal(preds, gts, num_classes):
    """AVSBench's sums, from its text: float32, per image and class."""
    ious, fs = torch.zeros(num_classes), torch.zeros(num_classes)
    occurs = torch.zeros(num_classes)
    for pred, gt in zip(preds, gts):
        for c in range(num_classes):
            p, g = (pred == c).float(), (gt == c).float()
            inter, union = (p * g).sum(), torch.max(p, g).sum()
            ious[c] += inter / (union + 2.220446049250313e-16)
            prec, rec = inter / p.sum(), inter / g.sum()
            f = 1.3 * prec * rec / (0.3 * prec + rec)
            fs[c] += 0 if torch.isnan(f) else f
            occurs[c] += union > 0
    ious, fs = ious / occurs, fs / occurs
    ious[torch.isnan(ious)] = 0
    fs[torch.isnan(fs)] = 0
    return ious, fs, occurs


def test_parity_with_the_literal_definition():
    g = torch.Generator().manual_seed(0)
    preds, gts = [], []
    for _ in range(200):
        # A few classes per frame; classes 6 and 8 never occur.
        classes = torch.tensor([0, 1, 2, 3, 4, 5, 7])[torch.randint(
            0, 7, (3, ), generator=g)]
        h, w = torch.randint(1, 12, (2, ), generator=g).tolist()
        preds.append(classes[torch.randint(0, 3, (h, w), generator=g)])
        gts.append(classes[torch.randint(0, 2, (h, w), generator=g)])
    ious, fs, occurs = literal(preds, gts, 9)
    got = average_classes([count_classes(p, t, 9) for p, t in zip(preds, gts)],
                          9)
    assert got['frames'].tolist() == occurs.tolist()
    assert np.isnan(got['IoU'])[[6, 8]].all()
    for values, expected in ((got['IoU'], ious), (got['F'], fs)):
        np.testing.assert_allclose(np.nan_to_num(values), expected, atol=1e-6)
        mean, no_bg = mean_over_classes(values, 'avsbench')
        assert mean == pytest.approx(expected.mean().item(), abs=1e-6)
        assert no_bg == pytest.approx(expected[:-1].mean().item(), abs=1e-6)


def test_ignored_pixels_are_as_if_absent():
    pred = torch.tensor([0, 1, 2, 2])
    gt = torch.tensor([0, 1, 255, 255])
    counts = count_classes(pred, gt, 3)
    assert counts.classes.tolist() == [0, 1]
    assert counts.pred.tolist() == counts.gt.tolist() == [1, 1]
    assert count_classes(pred, torch.full((4, ), 255), 3).classes.size == 0


@pytest.mark.parametrize('pred, gt, match', [
    ([0, 3], [0, 0], 'prediction has classes from 0 to 3; expected 0 to 2'),
    ([0, 0], [7, 0], 'ground truth has classes from 0 to 7'),
    ([0, -1], [0, 0], 'prediction has classes from -1'),
    ([0, 0, 0], [0, 0], 'expected equal height and width'),
])
def test_errors(pred, gt, match):
    with pytest.raises(ValueError, match=match):
        count_classes(torch.tensor(pred), torch.tensor(gt), 3)
