# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from torch import nn

from mmteso.models import AudioTextFusion, AudioTextPrompt

CHANNELS = (6, 10)


def make_prompt(batch=2, cues=3, dims=12, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return AudioTextPrompt(
        torch.randn(batch, cues, dims, generator=rng),
        torch.randn(batch, dims, generator=rng),
        torch.tensor([[1., 0., 1.], [0., 0., 0.]])[:batch, :cues])


def make_levels():
    rng = torch.Generator().manual_seed(1)
    return (torch.randn(2, 6, 8, 5, generator=rng),
            torch.randn(2, 10, 4, 3, generator=rng))


def make(**kwargs):
    torch.manual_seed(0)
    return AudioTextFusion(
        CHANNELS, prompt_dims=12, embed_dims=8, hidden_dims=16, **kwargs)


def trained(fusion):
    for layer in fusion.layers.values():
        nn.init.normal_(layer.up.weight)
    return fusion


def test_untrained_it_is_the_identity():
    levels = make_levels()
    for before, after in zip(levels, make()(levels, make_prompt())):
        assert torch.equal(before, after)


def test_only_kept_cues_are_heard():
    fusion, levels = trained(make()), make_levels()
    prompt, changed = make_prompt(), make_prompt()
    changed.features[0, 1] += 3  # masked
    changed.features[1] += 3  # all of them masked: the "no cue" key is left
    for one, other in zip(fusion(levels, prompt), fusion(levels, changed)):
        torch.testing.assert_close(one, other)
    changed.features[0, 0] += 3  # kept
    one, other = fusion(levels, prompt)[0], fusion(levels, changed)[0]
    assert (one[0] - other[0]).abs().max() > 0.01
    torch.testing.assert_close(one[1], other[1])


def test_levels_are_chosen():
    fusion, levels = trained(make(levels=[1])), make_levels()
    told = fusion(levels, make_prompt())
    assert told[0] is levels[0]
    assert (told[1] - levels[1]).abs().max() > 0.1
    assert not any('layers.0' in name for name in fusion.state_dict())


@pytest.mark.parametrize('levels', [[2], [-1], []])
def test_levels_that_are_not_there(levels):
    with pytest.raises(ValueError, match='levels must be some of 0 ... 1'):
        make(levels=levels)


def test_other_features_than_configured():
    fusion, prompt = make(), make_prompt()
    wide, top = make_levels()
    for levels in ((wide, ), (top, wide), ([wide, top], top)):
        with pytest.raises(ValueError, match='in_channels'):
            fusion(levels, prompt)
