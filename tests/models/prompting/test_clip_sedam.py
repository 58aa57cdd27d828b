# Copyright (c) mmteso contributors. All rights reserved.
import math

import pytest
import torch
from mmseg.registry import MODELS

from mmteso.models.clips import same_clip

SIZES = dict(
    audio_dims=6, text_dims=5, embed_dims=8, hidden_dims=10, num_heads=2)
# a clip of three frames, one of two and two pictures, mixed
METAS = [
    dict(subset='v1m', uid='a', frame=2),
    dict(subset='v2', uid='a', frame=0),
    dict(subset='v1m', uid='a', frame=0),
    dict(),
    dict(subset='v1m', uid='a', frame=1),
    dict(subset='v2', uid='a', frame=5),
    dict(),
]


def build(name='ClipSeDAM'):
    torch.manual_seed(0)
    return MODELS.build(dict(type=name, **SIZES)).double()


@pytest.fixture
def sedam():
    sedam = build()
    for parameter in sedam.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return sedam


@pytest.fixture
def inputs():
    torch.manual_seed(1)
    frames = len(METAS)
    valid = torch.ones(frames, 3).bool()
    valid[4, 1:] = False
    return (torch.randn(frames, 6, dtype=torch.float64),
            torch.randn(frames, 3, 5, dtype=torch.float64), valid)


def same(one, two):
    for name in ('features', 'no_cue', 'gate', 'scores', 'kept', 'latents'):
        torch.testing.assert_close(getattr(one, name), getattr(two, name))


def test_starts_as_sedam(inputs):
    clip, frame = build(), build('SeDAM')
    frame.load_state_dict(clip.state_dict(), strict=False)
    same(clip(*inputs, METAS), frame(*inputs))


def test_equals_reference(sedam, inputs):
    """Key by key, as the docstring says: other clips, and cues that are
    dropped, are not seen; the order in the batch has no say.
    """
    prompt = super(type(sedam), sedam).forward(*inputs)
    found = sedam(*inputs, METAS)
    attn, rate = sedam.clip_attn, sedam.log_rate.exp().item()
    # cues were dropped, or what others see of them would go untested
    assert not prompt.kept.all()
    for b, meta in enumerate(METAS):
        clip = [
            i for i, other in enumerate(METAS)
            if i == b or (meta and other and other['subset'] == meta['subset'])
        ]
        for k, query in enumerate(prompt.keys[b]):
            seen, weights = [], []
            for i in clip:
                distance = meta.get('frame', 0) - METAS[i].get('frame', 0)
                for key, gate in zip(prompt.keys[i], prompt.key_gate[i]):
                    seen.append(key)
                    weights.append(gate * math.exp(-rate * abs(distance)))
            seen = torch.stack(seen)
            heads = []
            for part in (slice(0, 4), slice(4, 8)):
                logits = attn.q_proj(query)[part] @ attn.k_proj(
                    seen)[:, part].mT / 2
                share = torch.stack(weights) * logits.exp()
                heads.append(share / share.sum() @ attn.v_proj(seen)[:, part])
            expected = query + sedam.gamma * attn.out_proj(torch.cat(heads))
            torch.testing.assert_close(found.keys[b, k], expected)
    for name in ('scores', 'kept', 'gate', 'latents'):
        assert torch.equal(getattr(found, name), getattr(prompt, name))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_late_in_a_long_video(sedam, inputs, dtype):
    """As at its beginning, with sound of half precision, too."""
    sedam.float()
    audio, text, valid = inputs
    late = [
        dict(meta, frame=meta['frame'] + 70_001) if meta else meta
        for meta in METAS
    ]
    with torch.autocast('cpu', torch.bfloat16):
        found, expected = (
            sedam(audio.to(dtype), text.float(), valid, metas)
            for metas in (late, METAS))
    same(found, expected)


def test_clips_of_one_name():
    """In two data sets; frames of one lie in one folder."""
    metas = [
        dict(subset='v2', uid='a', img_path=f'{root}/v2/a/frames/{i}.jpg')
        for root in ('data/one', 'data/two') for i in range(2)
    ]
    one = [[True, True, False, False]] * 2
    assert same_clip(metas).tolist() == one + [row[::-1] for row in one]
