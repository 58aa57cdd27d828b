# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch

from mmteso.models.prompting import gated_softmax


def test_soft_gate_is_log_sigmoid():
    torch.manual_seed(0)
    logits = 3 * torch.randn(200, 5, dtype=torch.float64)
    logits.requires_grad_()
    scores = (8 * torch.randn(200, 5, dtype=torch.float64)).requires_grad_()
    weights = gated_softmax(logits, scores.sigmoid())
    expected = (logits + torch.nn.functional.logsigmoid(scores)).softmax(-1)
    torch.testing.assert_close(weights, expected)
    upstream = torch.randn_like(weights)
    torch.testing.assert_close(
        torch.autograd.grad(weights, (logits, scores), upstream),
        torch.autograd.grad(expected, (logits, scores), upstream))


@pytest.mark.parametrize('logits', [(0., 1e4, 0.), (-1e4, 1e4, -1e4),
                                    (1e4, -1e4, 0.)])
def test_hard_gate_with_extreme_logits(logits):
    """A masked key far above all others must not make 0 / 0 of them."""
    gate = torch.tensor([1., 0., 1.]).requires_grad_()
    logits = torch.tensor(logits).requires_grad_()
    weights = gated_softmax(logits, gate)
    expected = logits.masked_fill(gate == 0, -torch.inf).softmax(-1)
    torch.testing.assert_close(weights, expected)
    (weights * torch.tensor([1., 2., 3.])).sum().backward()
    assert logits.grad.isfinite().all() and gate.grad.isfinite().all()
    assert logits.grad[1] == 0


def test_soft_gate_with_extreme_logits():
    """No score and no logit makes a weight or a gradient infinite."""
    values = [-1e4, -200, -104, -95, -90, -88, -87, -80, -60, 0, 60, 200, 1e4]
    score, logit = torch.meshgrid(
        torch.tensor(values), torch.tensor(values), indexing='ij')
    score = score.flatten()[:, None].clone().requires_grad_()
    logit = logit.flatten()[:, None].clone()
    logits = torch.cat([torch.zeros_like(logit), logit], 1).requires_grad_()
    gate = torch.cat([torch.ones_like(score), score.sigmoid()], 1)
    weights = gated_softmax(logits, gate)
    torch.testing.assert_close(weights.sum(1), torch.ones(len(weights)))
    # as values of some size: 1 / sigmoid(-88) is close to float32's limit
    (10 * weights[:, 1]).sum().backward()
    assert score.grad.isfinite().all() and logits.grad.isfinite().all()
    # As softmax has it, wherever the gate is not so small that it is closed.
    expected = (logits.detach().double()[:, 1] +
                torch.nn.functional.logsigmoid(score.double())[:, 0]).sigmoid()
    equal = score[:, 0] >= -60
    assert equal.any() and not equal.all()
    torch.testing.assert_close(weights[equal, 1].double(), expected[equal])
