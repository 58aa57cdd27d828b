# Copyright (c) mmteso contributors. All rights reserved.
import torch

from mmteso.models.prompting import AudioTextPrompt


def test_no_cue_key_comes_first_and_is_always_open():
    features, no_cue = torch.randn(2, 3, 4), torch.randn(2, 4)
    gate = torch.tensor([[0., 0.5, 1.], [0., 0., 0.]])
    prompt = AudioTextPrompt(
        features=features,
        no_cue=no_cue,
        scores=torch.randn(2, 3),
        gate=gate,
        kept=gate > 0,
        latents=torch.randn(2, 2, 4))
    assert prompt.keys.shape == (2, 4, 4)
    assert torch.equal(prompt.keys[:, 0], no_cue)
    assert torch.equal(prompt.keys[:, 1:], features)
    assert torch.equal(prompt.key_gate,
                       torch.tensor([[1., 0., 0.5, 1.], [1., 0., 0., 0.]]))
