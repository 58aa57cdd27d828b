# Copyright (c) mmteso contributors. All rights reserved.
import math

import pytest
import torch
from mmseg.registry import MODELS
from torch.nn import functional as F


SIZES = dict(
    audio_dims=6, text_dims=5, embed_dims=8, hidden_dims=10, num_heads=2)


def build(**kwargs):
    torch.manual_seed(0)
    sedam = MODELS.build(dict(type='SeDAM', **SIZES, **kwargs)).double()
    for parameter in sedam.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return sedam


def inputs(batch=3, cues=4):
    torch.manual_seed(1)
    valid = torch.ones(batch, cues).bool()
    valid[1, 2:] = False
    valid[2] = False
    audio = torch.randn(batch, 6, dtype=torch.float64)
    text = torch.randn(batch, cues, 5, dtype=torch.float64)
    return audio, text * valid[..., None], valid


def reference(sedam, audio, text, source_pool=False, normalize=True):
    """Eq. 1-3, straight from the paper: F_S and s."""
    first, _, second = sedam.audio_mlp
    latents = second(F.relu(first(audio))).reshape(
        len(audio), sedam.num_latents, 8)
    first, _, second = sedam.text_mlp
    cues = second(F.relu(first(text)))
    if normalize:  # ours
        latents, cues = ((x - x.mean(-1, keepdim=True)) /
                         (x.var(-1, unbiased=False, keepdim=True) +
                          1e-5).sqrt() for x in (latents, cues))
    for layer in sedam.layers:
        attn = layer.attn
        q, k, v = attn.q_proj(cues), attn.k_proj(latents), attn.v_proj(latents)
        heads, scores = [], 0
        for part in (slice(0, 4), slice(4, 8)):
            logits = q[..., part] @ k[..., part].mT / math.sqrt(4)
            scores = scores + logits.mean(-1) / 2
            heads.append(logits.softmax(-1) @ v[..., part])
        attended = attn.out_proj(torch.cat(heads, -1))
        if source_pool:
            attended = attended + layer.beta.sigmoid() * latents.mean(
                1)[:, None]
        cues = F.layer_norm(cues + attended, (8, ), layer.norm.weight,
                            layer.norm.bias)
    return cues, scores, latents


@pytest.mark.parametrize('settings', [dict(),
                                      dict(num_layers=2, source_pool=True),
                                      dict(normalize=False, num_latents=1)])
def test_equals_reference(settings):
    sedam = build(**settings)
    audio, text, valid = inputs()
    prompt = sedam(audio, text, valid)
    features, scores, latents = reference(
        sedam, audio, text, settings.get('source_pool', False),
        settings.get('normalize', True))
    torch.testing.assert_close(prompt.features, features)
    torch.testing.assert_close(prompt.scores, scores)
    torch.testing.assert_close(prompt.latents, latents)
    kept = valid & (scores >= 0)
    assert torch.equal(prompt.kept, kept)
    assert torch.equal(prompt.gate, kept.double())


def test_linear_text_composes():
    """What two words make of a cue is what each makes, together."""
    sedam = build(linear_text=True, normalize=False)
    assert sedam.text_mlp.weight.shape == (8, 5)
    audio, text, valid = inputs()
    one, two = torch.randn(2, 5, dtype=torch.float64)
    text[0, :3] = torch.stack([one, two, (one + two) / 2])
    scores = sedam(audio, text, valid).scores[0]
    torch.testing.assert_close(scores[2], (scores[0] + scores[1]) / 2)


def test_text_dropout_is_for_training():
    sedam = build(text_dropout=0.5)
    audio, text, valid = inputs()
    plain = build()(audio, text, valid)
    torch.testing.assert_close(sedam.eval()(audio, text, valid).scores,
                               plain.scores)
    first, second = (sedam.train()(audio, text, valid).scores
                     for _ in range(2))
    assert not torch.equal(first, second)


def test_cues_do_not_see_each_other():
    """The order of the cues, and padding beside them, change nothing."""
    sedam = build()
    audio, text, valid = inputs()
    prompt = sedam(audio, text, valid)
    order = torch.tensor([2, 0, 3, 1])
    other = sedam(audio, text[:, order], valid[:, order])
    alone = sedam(audio[1:2], text[1:2, :2], valid[1:2, :2])
    for name in ('features', 'scores', 'kept'):
        value = getattr(prompt, name)
        torch.testing.assert_close(getattr(other, name), value[:, order])
        torch.testing.assert_close(getattr(alone, name), value[1:2, :2])


def test_no_cue_key_carries_the_sound():
    sedam = build()
    audio, text, valid = inputs()
    prompt = sedam(audio, text, valid)
    expected = sedam.no_cue + sedam.no_cue_audio(prompt.latents.mean(1))
    torch.testing.assert_close(prompt.no_cue, expected)
    assert not torch.allclose(
        sedam(audio + 1, text, valid).no_cue, prompt.no_cue)
    other = build(no_cue='learned')
    assert torch.equal(
        other(audio, text, valid).no_cue, other.no_cue.expand(3, -1))
