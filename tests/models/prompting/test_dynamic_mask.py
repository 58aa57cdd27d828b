# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from mmseg.registry import MODELS

from mmteso.models.prompting import DynamicMask, gated_softmax

MODES = ('hard', 'straight_through', 'soft', 'off')
SCORES = torch.tensor([[1., 3., 2., 9.], [-1., -2., -3., -4.],
                       [5., 9., 9., 9.], [9., 9., 9., 9.]])
VALID = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0,
                                                                 0]]).bool()


def reference_kept(scores, valid, threshold):
    kept = []
    for row, real in zip(scores.tolist(), valid.tolist()):
        present = [s for s, r in zip(row, real) if r]
        limit = threshold
        if threshold == 'mean' and present:
            limit = sum(present) / len(present)
        kept.append([r and s >= limit for s, r in zip(row, real)])
    return torch.tensor(kept)


@pytest.mark.parametrize('threshold', ['mean', 0, 2.5])
@pytest.mark.parametrize('mode', ['hard', 'straight_through', 'soft'])
def test_kept(mode, threshold):
    mask = MODELS.build(
        dict(type='DynamicMask', mode=mode, threshold=threshold))
    gate, kept = mask(SCORES, VALID)
    assert kept.dtype == torch.bool
    expected = reference_kept(SCORES, VALID, threshold)
    assert torch.equal(kept, expected)
    if mode != 'soft':
        # to the last bit: the straight-through forward is the hard one
        assert torch.equal(gate, expected.float())


def test_off_keeps_what_is_valid():
    gate, kept = DynamicMask('off', threshold=100.)(SCORES, VALID)
    assert torch.equal(kept, VALID) and torch.equal(gate, VALID.float())


def test_ties_reach_their_own_mean():
    """Rounding of the mean must not drop cues that all score the same."""
    torch.manual_seed(0)
    value = (torch.randn(2000, 1) * 10.**torch.randint(-5, 5, (2000, 1)))
    for dtype in (torch.float32, torch.bfloat16):
        for count in (1, 3, 7):
            scores = value.to(dtype).expand(-1, count)
            _, kept = DynamicMask(
                threshold='mean')(scores, torch.ones_like(scores).bool())
            assert kept.all()


def test_centred_scores_are_told_apart():
    """Scores that all lie below 0 by chance; padding has no say."""
    torch.manual_seed(0)
    mask = DynamicMask(center=True)
    valid = torch.tensor([[True, True, False]]).repeat(4, 1)
    for _ in range(300):
        scores = torch.randn(4, 3) * 0.1 - 2
        scores[:, 2] = 50.
        mask(scores, valid)
    assert mask.score_mean == pytest.approx(-2, abs=0.03)
    mask.eval()
    scores = torch.tensor([[-1.8, -1.9, 50.], [-2.1, -2.2, 50.]])
    gate, kept = mask(scores, valid[:2])
    assert kept.tolist() == [[True, True, False], [False, False, False]]
    assert torch.equal(gate, kept.float())
    before = mask.score_mean.clone()
    mask(scores, torch.zeros(2, 3).bool())
    mask.train()
    mask(scores, torch.zeros(2, 3).bool())
    assert torch.equal(mask.score_mean, before)


@pytest.mark.parametrize('mode', MODES)
def test_no_cue_at_all(mode):
    for cues in (3, 0):
        gate, kept = DynamicMask(
            mode)(torch.randn(2, cues), torch.zeros(2, cues).bool())
        assert gate.shape == kept.shape == (2, cues)
        assert not kept.any() and not gate.any()


@pytest.mark.parametrize('threshold', ['mean', 0.5])
def test_straight_through_gradient(threshold):
    """That of w_i = g_i e^l_i / sum_j g_j e^l_j with dg/ds = sigmoid'."""
    torch.manual_seed(0)
    scores = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    valid = torch.rand(6, 4) < 0.8
    logits = torch.randn(6, 5, dtype=torch.float64)
    upstream = torch.randn(6, 5, dtype=torch.float64)
    gate, kept = DynamicMask('straight_through', threshold)(scores, valid)
    assert kept.any() and not kept[valid].all()
    always = torch.ones(6, 1)
    weights = gated_softmax(logits, torch.cat([always, gate], 1))
    actual, = torch.autograd.grad((weights * upstream).sum(), scores)

    expected = torch.zeros(6, 4, dtype=torch.float64)
    for b in range(6):
        g = torch.cat([torch.ones(1), kept[b]])
        total = (g * logits[b].exp()).sum()
        mean = (g * logits[b].exp() * upstream[b]).sum() / total
        s = scores[b].detach()
        t = threshold if threshold != 'mean' else s[valid[b]].mean()
        d_margin = torch.zeros(4, dtype=torch.float64)
        for i in range(4):
            if valid[b, i]:
                d_gate = logits[b, i + 1].exp() / total * (
                    upstream[b, i + 1] - mean)
                p = torch.sigmoid(s[i] - t)
                d_margin[i] = d_gate * p * (1 - p)
        expected[b] = d_margin
        if threshold == 'mean':
            expected[b] -= valid[b] * d_margin.sum() / valid[b].sum()
    torch.testing.assert_close(actual, expected)
    # through the cues that were dropped, too
    assert (actual[valid & ~kept] != 0).all()
