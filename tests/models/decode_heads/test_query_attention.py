# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from mmseg.models.decode_heads import FCNHead
from narrow import build, make_batch, open_gates

from mmteso.models.decode_heads import record_query_attention


@pytest.fixture(scope='module')
def model():
    """With adapters on the decoder's cross-attention."""
    return open_gates(build('teso/teso_swin-b_v1m.py')).eval()


def decode(model, batch_size=2):
    inputs = make_batch(batch_size)['inputs']
    head = model.decode_head
    with torch.no_grad():
        memory = head.encode_image(model.extract_feat(inputs['img']))
        return head.decode(memory, model.encode_prompt(inputs)), memory


def test_each_layer_leaves_its_weights(model):
    with record_query_attention(model.decode_head) as records:
        (_, masks), memory = decode(model)
        assert [len(record) for record in records] == [1] * 4
        decode(model, batch_size=3)
    assert [len(record) for record in records] == [2] * 4
    for i, (first, second) in enumerate(records):
        height, width = memory.sizes[i % 3]
        assert first.shape == (2, 8, height * width)
        assert second.shape == (3, 8, height * width)
        torch.testing.assert_close(first.sum(-1), torch.ones(2, 8))
        assert (first >= 0).all() and not first.requires_grad
        # masked attention: nothing outside of the mask of the layer before
        mask = torch.nn.functional.interpolate(
            masks[i], (height, width), mode='bilinear', align_corners=False)
        seen = mask.flatten(2) >= 0
        seen |= ~seen.any(-1, keepdim=True)
        assert (first[~seen] == 0).all()
        assert (first[seen] > 0).all()


def test_weights_are_those_of_the_attention(model):
    """Computed again from the layer's inputs; what comes out stays."""
    layer = model.decode_head.transformer_decoder.layers[-1].cross_attn.attn
    assert hasattr(layer, 'adapter')
    (before, masks), _ = decode(model)
    seen = {}
    handle = layer.register_forward_hook(
        lambda module, args, kwargs, output: seen.update(kwargs),
        with_kwargs=True)
    with record_query_attention(model.decode_head) as records:
        (during, _), _ = decode(model)
    handle.remove()
    query, key = (seen[name].transpose(0, 1) for name in ('query', 'key'))
    heads = layer.num_heads
    q, k = ((x @ w.T + b).unflatten(-1, (heads, -1)).transpose(1, 2)
            for x, w, b in zip((query, key), layer.in_proj_weight.chunk(3),
                               layer.in_proj_bias.chunk(3)))
    logits = q @ k.transpose(-1, -2) / q.shape[-1]**0.5
    blocked = seen['attn_mask'].unflatten(0, (-1, heads))
    weights = logits.masked_fill(blocked, -torch.inf).softmax(-1)
    torch.testing.assert_close(records[-1][0], weights.mean(1))
    (after, masks_after), _ = decode(model)
    for one, two, three in zip(before, during, after):
        torch.testing.assert_close(two, one)
        assert torch.equal(three, one)
    assert torch.equal(masks[-1], masks_after[-1])


def test_other_heads_are_refused():
    head = FCNHead(in_channels=4, channels=4, num_classes=2)
    with pytest.raises(TypeError, match='such as TeSOHead, but got FCNHead'):
        with record_query_attention(head):
            pass
