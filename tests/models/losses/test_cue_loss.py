# Copyright (c) mmteso contributors. All rights reserved.
import math

import pytest
import torch
from mmseg.registry import MODELS

from mmteso.models.losses import CueLoss

SCORES = torch.tensor([[2., -1., 0.5, 7.], [0.1, 3., -4., 1.],
                       [1., 1., 1., 1.]])
TARGET = torch.tensor([[1., 0., 1., -1.], [0., -1., -1., -1.],
                       [-1., -1., -1., -1.]])


def reference(scores, target, threshold=0.):
    """Sum and count of the known cues' binary cross-entropy."""
    terms = []
    for s, y in zip(scores.flatten().tolist(), target.flatten().tolist()):
        if y >= 0:
            p = 1 / (1 + math.exp(threshold - s))
            terms.append(-math.log(p if y == 1 else 1 - p))
    return sum(terms), len(terms)


@pytest.mark.parametrize('threshold', [0., 0.7])
def test_equals_reference(threshold):
    loss = MODELS.build(
        dict(type='CueLoss', threshold=threshold, loss_weight=0.5))
    total, count = reference(SCORES, TARGET, threshold)
    assert count == 4
    assert loss(SCORES.double(), TARGET).item() == pytest.approx(
        0.5 * total / count, abs=1e-12)


def test_batch_without_a_known_cue():
    """Zero, but in the graph: a parameter without a gradient stops DDP."""
    scores = SCORES.clone().requires_grad_()
    loss = CueLoss()(scores, torch.full_like(SCORES, -1))
    loss.backward()
    assert loss.item() == 0
    assert scores.grad is not None and not scores.grad.any()
