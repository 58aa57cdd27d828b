# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from mmteso.models.adapters import freeze


@pytest.mark.parametrize('others', ['same', 'own'])
def test_frozen_attention_projects_a_batch_at_once(others):
    """Its input is transposed, as from mmcv's MultiheadAttention."""
    attention = nn.MultiheadAttention(8, 2)
    query = torch.randn(3, 5, 8).transpose(0, 1)
    key = query if others == 'same' else torch.randn(3, 7, 8).transpose(0, 1)
    expected, _ = attention(query, key, value=key)
    freeze([attention])
    freeze([attention])
    with profile(activities=[ProfilerActivity.CPU],
                 record_shapes=True) as found:
        output, _ = attention(query, key, value=key)
    torch.testing.assert_close(output, expected)
    # what is left are the products of 3 frames and 2 heads, not of 5 queries
    sizes = {event.input_shapes[0][0] for event in found.events()
             if event.name == 'aten::bmm'}
    assert sizes <= {6}
    assert not any(p.requires_grad for p in attention.parameters())
