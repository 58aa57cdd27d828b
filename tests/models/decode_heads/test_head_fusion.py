# Copyright (c) mmteso contributors. All rights reserved.
"""``TeSOHead(fusion=...)``: the pixels attend to what sounds."""
import pytest
import torch
from narrow import (PROMPT_DIMS, build, load, make_batch, narrow_model,
                    random_prompt)

FUSION = dict(prompt_dims=PROMPT_DIMS, embed_dims=16, hidden_dims=16)


def make(fusion, pmqs=True):
    model = narrow_model(load('teso/teso_swin-b_v1m.py').model)
    model.decode_head.fusion = fusion
    if not pmqs:
        model.decode_head.pmqs = None
    return build(model).eval()


def prompted(model, prompt):
    """Class and mask logits after the last layer, of the whole way and of the
    short one that prediction takes."""
    head = model.decode_head
    batch = make_batch()
    with torch.no_grad():
        memory = head.encode_image(model.extract_feat(batch['inputs']['img']))
        whole, short = (head.decode(memory, prompt, last)
                        for last in (False, True))
    return [levels[-1] for levels in whole], [levels[-1] for levels in short]


def test_untrained_it_changes_nothing():
    plain, fused = make(None), make(FUSION)
    missing = fused.load_state_dict(plain.state_dict(), strict=False)
    assert all('fusion' in name for name in missing.missing_keys)
    prompt = random_prompt()
    for one, other in zip(prompted(plain, prompt)[0],
                          prompted(fused, prompt)[0]):
        assert torch.equal(one, other)


def test_trained_it_brings_the_prompt_to_the_pixels():
    """Without prompted queries, too, and whatever way is taken."""
    model = make(FUSION, pmqs=False)
    for layer in model.decode_head.fusion.layers.values():
        torch.nn.init.normal_(layer.up.weight)
    (cls, masks), (short_cls, short_masks) = prompted(model, random_prompt())
    torch.testing.assert_close(short_cls, cls, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(short_masks, masks, rtol=1e-3, atol=1e-3)
    other = prompted(model, random_prompt(seed=1))[0][1]
    assert (other - masks).abs().max() > 0.1


def test_its_width_is_the_prompts():
    with pytest.raises(ValueError, match='decode_head.fusion.prompt_dims'):
        make(dict(FUSION, prompt_dims=8))
