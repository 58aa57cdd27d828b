# Copyright (c) mmteso contributors. All rights reserved.
import math

import pytest
import torch
from mmseg.registry import MODELS
from torch.nn import functional as F

from mmteso.models.prompting import SeDAM

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


@pytest.mark.parametrize('settings', [
    dict(),
    dict(num_layers=2, source_pool=True),
    dict(normalize=False, num_latents=1)
])
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


def test_default_sizes():
    """Those of the paper and the release."""
    sedam = SeDAM()
    shapes = [tuple(part.weight.shape) for part in (
        sedam.audio_mlp[0], sedam.audio_mlp[2], sedam.text_mlp[0],
        sedam.text_mlp[2])]  # yapf: disable
    assert shapes == [(2048, 128), (4096, 2048), (2048, 1024), (1024, 2048)]
    assert [layer.attn.num_heads for layer in sedam.layers] == [8]
    assert sedam.layers[0].beta is None
    assert sedam.dynamic_mask.mode == 'hard'
    assert sedam.dynamic_mask.threshold == 0


def influence(text_length, normalize):
    """How far F_S moves with another sound, and with another text."""
    torch.manual_seed(0)
    sedam = SeDAM(normalize=normalize).eval()
    # simulated: ImageBind-like text, VGGish-like sound
    text = text_length * F.normalize(
        torch.randn(1024) * 0.8 + torch.randn(8, 4, 1024) * 0.6, dim=-1)
    audio = (0.3 * torch.randn(128) + 0.3 * torch.randn(8, 128)).relu()
    with torch.no_grad():
        original, *others = (
            sedam(a, t, torch.ones(8, 4).bool()).features
            for a, t in ((audio, text), (audio.roll(1, 0), text),
                         (audio, text.roll(1, 0))))
    return [float((o - original).norm() / original.norm()) for o in others]


def test_sound_has_influence_whatever_the_length_of_text_features():
    """ImageBind's package returns text about 100 long, others 1."""
    for length in (1, 100):
        sound, text = influence(length, normalize=True)
        assert 0.2 < sound < 0.5 and 0.2 < text < 1
    sound, text = influence(100, normalize=False)
    assert sound < 0.05 < 0.5 < text


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


def logit_gradient(sedam, loss):
    """Gradient that reaches the last layer's logits."""
    seen = []

    def watch(module, args, output):
        output[1].register_hook(seen.append)

    sedam.layers[-1].attn.register_forward_hook(watch)
    loss(sedam(*inputs())).backward()
    return sum(seen)


def test_attention_does_not_train_the_scores():
    """Why there is a cue loss, and softer modes than the paper's.

    A softmax does not change when a query's logits all shift: the gradient
    that F_S sends to them sums to zero over the keys, so no step moves their
    mean, the score, by way of the logits themselves. The bias of the keys,
    whose only effect on the logits is such a shift, gets none at all.
    """
    sedam = build()
    torch.manual_seed(2)
    weight = torch.randn(8, dtype=torch.float64)

    def loss(prompt):
        assert not prompt.gate.requires_grad
        return (prompt.features * weight).sin().sum() + (
            prompt.keys * prompt.key_gate[..., None]).sum()

    gradient = logit_gradient(sedam, loss)
    assert gradient.abs().max() > 1e-3
    assert gradient.sum(-1).abs().max() < 1e-12
    assert sedam.layers[0].attn.k_proj.bias.grad.abs().max() < 1e-12
    assert sedam.layers[0].attn.k_proj.weight.grad.abs().max() > 1e-3


@pytest.mark.parametrize('mode', ['straight_through', 'soft'])
def test_softer_modes_train_the_scores(mode):
    sedam = build(dynamic_mask=dict(type='DynamicMask', mode=mode))
    gradient = logit_gradient(sedam, lambda prompt: (prompt.gate**2).sum())
    assert gradient.sum(-1).abs().max() > 1e-3
    assert sedam.layers[0].attn.k_proj.bias.grad.abs().max() > 1e-3
