# Copyright (c) mmteso contributors. All rights reserved.
import math

import pytest
import torch
from mmseg.registry import MODELS

from mmteso.models.losses import latent_component_loss


def reference(latents, tau):
    """Eq. 10, term by term."""
    terms = []
    for frame in latents:
        for a in frame:
            sims = [math.exp(float(a @ b / a.norm() / b.norm()) / tau)
                    for b in frame]
            own = math.exp(1 / tau)
            terms.append(-math.log(own / sum(sims)))
    return sum(terms) / len(terms)


@pytest.mark.parametrize('tau, count', [(0.1, 1), (1., 4)])
def test_equals_reference(count, tau):
    torch.manual_seed(0)
    latents = torch.randn(3, count, 5, dtype=torch.float64)
    actual = latent_component_loss(latents, tau)
    assert actual.dtype == torch.float64
    assert actual.item() == pytest.approx(reference(latents, tau), abs=1e-12)
    loss = MODELS.build(
        dict(type='LatentComponentLoss', tau=tau, loss_weight=0.3))
    torch.testing.assert_close(loss(latents), 0.3 * actual)


def test_autocast_does_not_round_it():
    """A loss of latents nearly apart would be 0 in bfloat16."""
    torch.manual_seed(0)
    latents = torch.eye(4, 64) + 0.05 * torch.randn(2, 4, 64)
    expected = reference(latents.double(), 0.1)
    assert 1e-5 < expected < 1e-2
    with torch.autocast('cpu', torch.bfloat16):
        loss = latent_component_loss(latents, 0.1)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    half = latents.bfloat16()
    assert latent_component_loss(half, 0.1).item() == pytest.approx(
        reference(half.double(), 0.1), rel=1e-4)
