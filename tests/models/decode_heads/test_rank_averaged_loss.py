# Copyright (c) mmteso contributors. All rights reserved.
import torch
from mmseg.registry import MODELS

from mmteso.models.decode_heads.teso_head import RankAveragedLoss

WEIGHT = [1., 1., 0.1]


def build():
    return MODELS.build(
        dict(
            type='mmdet.CrossEntropyLoss',
            use_sigmoid=False,
            loss_weight=2.0,
            class_weight=WEIGHT))


def queries():
    """Two images with 3 and 1 matched queries of 5; class 2 is "none"."""
    torch.manual_seed(0)
    logits = torch.randn(2, 5, 3, dtype=torch.float64)
    return logits, torch.tensor([[0, 1, 1, 2, 2], [2, 0, 2, 2, 2]])


def call(loss, logits, labels):
    """As mmdet's Mask2FormerHead does."""
    class_weight = logits.new_tensor(WEIGHT)
    return loss(
        logits.flatten(0, 1),
        labels.flatten(),
        torch.ones(labels.numel(), dtype=logits.dtype),
        avg_factor=class_weight[labels].sum())


def test_two_ranks_train_as_one_process(monkeypatch):
    logits, labels = queries()
    logits.requires_grad_()
    expected, = torch.autograd.grad(call(build(), logits, labels), logits)

    def ranks_gradient(loss):
        # DDP averages the ranks' gradients
        ranks = [call(loss, logits[r:r + 1], labels[r:r + 1]) for r in (0, 1)]
        return torch.autograd.grad(sum(ranks) / 2, logits)[0]

    mean = torch.tensor(WEIGHT).double()[labels].sum() / 2
    monkeypatch.setattr(
        'mmteso.models.decode_heads.teso_head.reduce_mean', lambda _: mean)
    torch.testing.assert_close(
        ranks_gradient(RankAveragedLoss(build())), expected)
    # and that this is what the wrapper is for
    assert (ranks_gradient(build()) - expected).abs().max() > 0.01
