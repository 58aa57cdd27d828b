# Copyright (c) mmteso contributors. All rights reserved.
import ast
from pathlib import Path

import pytest
import torch
from mmcv.ops import MultiScaleDeformableAttention, multi_scale_deform_attn
from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction

from mmteso.ops import (attend, is_stand_in, ms_deform_attn_backward,
                        ms_deform_attn_forward)

SHAPES = ((3, 5), (2, 3), (1, 2))


@pytest.fixture(scope='module')
def of_mmcv():
    """mmcv's function as it stands in its file, where ours takes its place."""
    name = 'multi_scale_deformable_attn_pytorch'
    assert getattr(multi_scale_deform_attn, name) is attend
    tree = ast.parse(Path(multi_scale_deform_attn.__file__).read_text())
    tree.body = [node for node in tree.body
                 if getattr(node, 'name', None) == name]
    found = dict(vars(multi_scale_deform_attn))
    exec(compile(tree, name, 'exec'), found)
    return found[name]


def make_inputs(dtype=torch.float64, seed=0, queries=4, heads=2, channels=3):
    """Random values, locations that also lie outside, and weights."""
    generator = torch.Generator().manual_seed(seed)
    keys = sum(h * w for h, w in SHAPES)

    def rand(*size):
        return torch.rand(size, generator=generator, dtype=torch.float64)

    value = rand(2, keys, heads, channels) - 0.5
    locations = rand(2, queries, heads, len(SHAPES), 4, 2) * 1.4 - 0.2
    weights = rand(2, queries, heads, len(SHAPES), 4)
    weights = weights / weights.sum((-2, -1), keepdim=True)
    shapes = torch.tensor(SHAPES)
    starts = torch.cat([shapes.new_zeros(1), shapes.prod(1).cumsum(0)[:-1]])
    return (value.to(dtype), shapes, starts, locations.to(dtype),
            weights.to(dtype))


def test_equals_mmcv(of_mmcv):
    """mmcv's autograd function calls ours by name."""
    if not is_stand_in():
        pytest.skip('mmcv has compiled ops')
    value, shapes, starts, locations, weights = make_inputs()
    ours = [t.clone().requires_grad_() for t in (value, locations, weights)]
    theirs = [t.clone().requires_grad_() for t in (value, locations, weights)]
    output = MultiScaleDeformableAttnFunction.apply(
        ours[0], shapes, starts, *ours[1:], 64)
    assert output.shape == (2, 4, 6) and output.is_contiguous()
    expected = of_mmcv(theirs[0], shapes, *theirs[1:])
    torch.testing.assert_close(output, expected, rtol=1e-12, atol=1e-14)
    grad = torch.randn(2, 4, 6, dtype=torch.float64)
    output.backward(grad)
    expected.backward(grad)
    for a, b in zip(ours, theirs):
        assert b.grad.abs().sum() > 0
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-12, atol=1e-12)


def test_backward_adds_to_the_buffers():
    value, shapes, starts, locations, weights = make_inputs(torch.float32)
    results = []
    for start in (0.0, 2.0):
        grads = [torch.full_like(t, start)
                 for t in (value, locations, weights)]
        ms_deform_attn_backward(value, shapes, starts, locations, weights,
                                torch.ones(2, 4, 6), *grads, 64)
        results.append(grads)
    for a, b in zip(*results):
        torch.testing.assert_close(a + 2, b)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_computes_in_float32(dtype):
    """Half inputs are only rounded at the ends, also under autocast."""
    value, shapes, starts, locations, weights = make_inputs(dtype)
    exact = ms_deform_attn_forward(value.float(), shapes, starts,
                                   locations.float(), weights.float(), 64)
    for enabled in (False, True):
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=enabled):
            output = ms_deform_attn_forward(value, shapes, starts, locations,
                                            weights, 64)
        assert output.dtype == dtype
        assert torch.equal(output, exact.to(dtype))
    grads = [torch.zeros_like(t) for t in (value, locations, weights)]
    with torch.autocast('cpu', dtype=torch.bfloat16):
        ms_deform_attn_backward(value, shapes, starts, locations, weights,
                                torch.ones(2, 4, 6, dtype=dtype), *grads, 64)
    wide = [torch.zeros_like(t, dtype=torch.float32)
            for t in (value, locations, weights)]
    ms_deform_attn_backward(value.float(), shapes, starts, locations.float(),
                            weights.float(), torch.ones(2, 4, 6), *wide, 64)
    for a, b in zip(grads, wide):
        assert torch.equal(a, b.to(dtype))


@pytest.mark.gpu
def test_module_on_gpu_equals_cpu():
    torch.manual_seed(0)
    module = MultiScaleDeformableAttention(
        embed_dims=16, num_heads=2, num_levels=3, num_points=4,
        batch_first=True)
    module.init_weights()
    _, shapes, starts, _, _ = make_inputs()
    keys = int(shapes.prod(1).sum())
    query, value = torch.randn(2, 5, 16), torch.randn(2, keys, 16)
    reference = torch.rand(2, 5, 3, 2)
    gradients, outputs = [], []
    for device in ('cpu', 'cuda'):
        module.zero_grad()
        module.to(device)
        output = module(query.to(device), value=value.to(device),
                        reference_points=reference.to(device),
                        spatial_shapes=shapes.to(device),
                        level_start_index=starts.to(device))
        output.square().sum().backward()
        outputs.append(output.detach().cpu())
        gradients.append([p.grad.cpu().clone() for p in module.parameters()])
    torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-5)
    for cpu, gpu in zip(*gradients):
        torch.testing.assert_close(cpu, gpu, rtol=1e-3, atol=1e-4)
