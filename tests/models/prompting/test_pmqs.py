# Copyright (c) mmteso contributors. All rights reserved.
import math

import pytest
import torch
from mmseg.registry import MODELS
from torch.nn import functional as F

from mmteso.models.prompting import PMQS, DynamicMask, SeDAM
from mmteso.structures import AudioTextPrompt

MODES = DynamicMask.MODES
SIZES = dict(prompt_dims=8, query_dims=12, hidden_dims=10)


def build(**kwargs):
    torch.manual_seed(0)
    pmqs = MODELS.build(dict(type='PMQS', **SIZES, **kwargs)).double()
    for parameter in pmqs.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return pmqs


def make_prompt(gate):
    torch.manual_seed(1)
    gate = torch.tensor(gate, dtype=torch.float64)
    batch, cues = gate.shape
    return AudioTextPrompt(
        features=torch.randn(batch, cues, 8, dtype=torch.float64),
        no_cue=torch.randn(batch, 8, dtype=torch.float64),
        scores=torch.randn(batch, cues, dtype=torch.float64), gate=gate,
        kept=gate > 0, latents=torch.randn(batch, 4, 8, dtype=torch.float64))


GATE = [[1, 0, 1], [0, 0, 0]]
QUERY = torch.randn(
    2, 5, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def reference(pmqs, query, prompt, norm):
    """Eq. 5-6 with M in {0, -inf} and the "no cue" key in front."""
    keys = torch.cat([prompt.no_cue[:, None], prompt.features], 1)
    mask = torch.zeros(keys.shape[:2], dtype=torch.float64)
    mask[:, 1:][~prompt.kept] = -math.inf
    first, _, second = pmqs.projection
    keys = second(F.relu(first(keys)))
    for layer in pmqs.layers:
        attn = layer.attn
        q, k, v = attn.q_proj(query), attn.k_proj(keys), attn.v_proj(keys)
        heads = []
        for h in range(4):
            part = slice(3 * h, 3 * h + 3)
            logits = q[..., part] @ k[..., part].mT / math.sqrt(3)
            heads.append((logits + mask[:, None]).softmax(-1) @ v[..., part])
        attended = attn.out_proj(torch.cat(heads, -1))
        if norm == 'post':
            query = F.layer_norm(query + attended, (12, ), layer.norm.weight,
                                 layer.norm.bias)
        else:
            query = query + layer.gamma * attended
    return query


@pytest.mark.parametrize('num_layers, norm', [(1, 'post'), (2, 'zero_gated')])
def test_equals_reference(num_layers, norm):
    pmqs, prompt = build(num_layers=num_layers, norm=norm), make_prompt(GATE)
    output = pmqs(QUERY, prompt)
    torch.testing.assert_close(output, reference(pmqs, QUERY, prompt, norm))
    assert not torch.allclose(output, QUERY)


def test_zero_gated_starts_as_identity():
    pmqs = PMQS(**SIZES, num_layers=2, norm='zero_gated').double()
    assert torch.equal(pmqs(QUERY, make_prompt(GATE)), QUERY)
    assert not torch.allclose(
        PMQS(**SIZES).double()(QUERY, make_prompt(GATE)), QUERY)


def sedam_of(**kwargs):
    torch.manual_seed(0)
    return SeDAM(audio_dims=6, text_dims=5, embed_dims=8, hidden_dims=10,
                 num_heads=2, **kwargs)


@pytest.mark.parametrize('no_cue', ['learned', 'audio'])
@pytest.mark.parametrize('mode', MODES)
def test_every_parameter_gets_a_gradient(mode, no_cue):
    """Else DDP would stop: also in batches without a single cue."""
    # no cue reaches the first threshold, whatever is valid
    for threshold, scale in ((1e9, 1.), ('mean', 1e4)):
        sedam = sedam_of(
            num_layers=2, source_pool=True, no_cue=no_cue, dynamic_mask=dict(
                type='DynamicMask', mode=mode, threshold=threshold))
        pmqs = PMQS(**SIZES, num_layers=2)
        for valid in ([1, 1, 1], [0, 0, 0]):
            prompt = sedam(
                torch.randn(2, 6) * scale, torch.randn(2, 3, 5) * scale,
                torch.tensor([valid] * 2).bool())
            if mode != 'off':
                assert prompt.kept.any() == (scale > 1 and any(valid))
            pmqs(QUERY.float(), prompt).sin().sum().backward()
            named = [*sedam.named_parameters(), *pmqs.named_parameters()]
            for name, parameter in named:
                assert parameter.grad is not None, name
                assert parameter.grad.isfinite().all(), name
            assert (sedam.no_cue.grad != 0).any()
            sedam.zero_grad(), pmqs.zero_grad()


@pytest.mark.parametrize('mode', MODES)
def test_under_autocast(mode):
    sedam = sedam_of(dynamic_mask=dict(type='DynamicMask', mode=mode))
    pmqs = PMQS(**SIZES)
    sound = torch.randn(2, 6), torch.randn(2, 3, 5), torch.tensor(
        [[1, 1, 0], [0, 0, 0]]).bool()
    expected = pmqs(QUERY.float(), sedam(*sound))
    with torch.autocast('cpu', torch.bfloat16):
        output = pmqs(QUERY.float(), sedam(*sound))
    torch.testing.assert_close(output.float(), expected, rtol=0.05, atol=0.1)
    output.sum().backward()
    for parameter in [*sedam.parameters(), *pmqs.parameters()]:
        assert parameter.grad.isfinite().all()
