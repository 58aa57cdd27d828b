# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from torch import nn

from mmteso.engine.model_parts import part_of, parts_of


@pytest.mark.parametrize('name, part, split', [
    ('backbone.stages.0.blocks.1.norm1.bias', 'backbone', None),
    ('backbone.stages.0.attn.w_msa.proj.adapter.up.bias', 'backbone adapters',
     None),
    ('decode_head.pixel_decoder.encoder.layers.0.self_attn.output_proj.'
     'adapter.down.weight', 'decode_head.pixel_decoder adapters', None),
    ('decode_head.query_feat.weight', 'decode_head.query_feat', None),
    ('prompt_encoder.no_cue', 'prompt_encoder', None),
    ('prompt_encoder.layers.0.attn.q_proj.bias', 'prompt_encoder.layers',
     'prompt_encoder.layers q, k'),
    ('prompt_encoder.layers.0.attn.k_proj.bias', 'prompt_encoder.layers',
     'prompt_encoder.layers k bias'),
    ('prompt_encoder.layers.0.norm.weight', 'prompt_encoder.layers', None),
    ('decode_head.pmqs.layers.0.attn.out_proj.weight', 'decode_head.pmqs',
     'decode_head.pmqs v, out'),
    ('decode_head.transformer_decoder.layers.0.self_attn.attn.out_proj.bias',
     'decode_head.transformer_decoder', None),
    ('backbone.layers.0.attn.proj.weight', 'backbone', None),
    ('layer.weight', 'layer', None),
    ('token', 'token', None),
])
def test_part_of(name, part, split):
    assert part_of(name) == part
    assert part_of(name, split_attention=True) == (split or part)


def test_shared_parameters_count_once():
    model = nn.ModuleDict(dict(a=nn.Linear(2, 3), frozen=nn.Linear(1, 1)))
    model['b'] = model['a']
    model['frozen'].requires_grad_(False)
    assert {k: len(v) for k, v in parts_of(model).items()} == dict(a=2)
    assert list(parts_of(model, trainable=False)) == ['frozen']
