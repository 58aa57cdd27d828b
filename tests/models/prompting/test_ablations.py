# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from mmseg.registry import MODELS
from torch.nn.functional import layer_norm

from mmteso.models.prompting import AudioTextPrompt

AUDIO, TEXT, DIMS = 6, 5, 8
WIDTHS = dict(embed_dims=DIMS, hidden_dims=7)
ENCODERS = dict(AudioPrompt=dict(audio_dims=AUDIO, num_latents=3, **WIDTHS),
                TextPrompt=dict(text_dims=TEXT, **WIDTHS),
                ConcatPrompt=dict(audio_dims=AUDIO, text_dims=TEXT, **WIDTHS))


def build(kind, **kwargs):
    torch.manual_seed(0)
    return MODELS.build(dict(type=kind, **ENCODERS[kind], **kwargs)).double()


@pytest.fixture
def batch():
    """F_A, F_T and which cues are real; the second frame has none."""
    rng = torch.Generator().manual_seed(1)
    audio = torch.randn(2, AUDIO, dtype=torch.float64, generator=rng)
    text = torch.randn(2, 4, TEXT, dtype=torch.float64, generator=rng)
    valid = torch.tensor([[True, True, False, False], [False] * 4])
    return audio, text, valid


def test_audio_prompt_reads_no_text(batch):
    audio, _, _ = batch
    encoder = build('AudioPrompt')
    prompt = encoder(audio)
    assert encoder.reads == ('audio', )
    assert prompt.gate.shape == (2, 3) and prompt.gate.all()
    assert prompt.scores is None and prompt.no_cue.shape == (2, DIMS)
    # normalised, as F_S is
    torch.testing.assert_close(prompt.features,
                               layer_norm(prompt.latents, (DIMS, )))
    # the latents are distinct
    distances = torch.cdist(prompt.latents, prompt.latents)
    assert (distances + torch.eye(3) > 1e-3).all()
    assert not torch.equal(prompt.features, encoder(audio + 1).features)


def test_text_prompt_reads_no_sound(batch):
    _, text, valid = batch
    encoder = build('TextPrompt')
    prompt = encoder(None, text, valid)
    assert encoder.reads == ('text', )
    assert torch.equal(prompt.gate.bool(), valid)
    torch.testing.assert_close(
        prompt.features, layer_norm(encoder.text_mlp(text), (DIMS, )))
    assert prompt.scores is None and prompt.latents is None


def test_concat_prompt_puts_sound_beside_text(batch):
    audio, text, valid = batch
    encoder = build('ConcatPrompt')
    prompt = encoder(audio, text, valid)
    assert encoder.reads == ('audio', 'text')
    # the sound is always there, padding never
    assert prompt.gate.tolist() == [[1, 1, 1, 0, 0], [1, 0, 0, 0, 0]]
    # no cue has listened
    features = torch.cat(
        [encoder.audio_mlp(audio)[:, None], encoder.text_mlp(text)], 1)
    torch.testing.assert_close(
        prompt.features, layer_norm(features, (DIMS, )))


def test_pooled_prompt_is_one_vector_for_all_queries():
    torch.manual_seed(2)
    pooled = MODELS.build(dict(type='PooledPrompt', prompt_dims=DIMS,
                               query_dims=6, hidden_dims=7)).double()
    query = torch.randn(2, 5, 6, dtype=torch.float64)
    gate = torch.tensor([[1, 0.5, 0], [0, 0, 0]], dtype=torch.float64)
    prompt = AudioTextPrompt(
        features=torch.randn(2, 3, DIMS, dtype=torch.float64),
        no_cue=torch.randn(2, DIMS, dtype=torch.float64), gate=gate)
    result = pooled(query, prompt)
    f, no_cue = prompt.features, prompt.no_cue
    means = torch.stack([(no_cue[0] + f[0, 0] + 0.5 * f[0, 1]) / 2.5,
                         no_cue[1]])
    expected = layer_norm(query + pooled.projection(means)[:, None], (6, ))
    torch.testing.assert_close(result, expected)
