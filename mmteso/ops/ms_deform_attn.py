# Copyright (c) mmteso contributors. All rights reserved.
"""Multi-scale deformable attention in plain PyTorch, on any device."""
from typing import Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor


def _compute_dtype(*tensors: Tensor) -> torch.dtype:
    """float64 if any tensor is float64 (for exact tests), else float32."""
    if any(tensor.dtype == torch.float64 for tensor in tensors):
        return torch.float64
    return torch.float32


def _attend(value: Tensor, spatial_shapes: Sequence[Tuple[int, int]],
            sampling_locations: Tensor, attention_weights: Tensor) -> Tensor:
    """Deformable DETR, equation 3, with bilinear sampling.

    A location of 0 is the outer edge of the first pixel and 1 that of the
    last one; beyond the edges the value is zero.
    """
    batch, num_keys, num_heads, channels = value.shape
    num_queries, num_levels, num_points = sampling_locations.shape[
        1], sampling_locations.shape[3], sampling_locations.shape[4]
    sizes = [height * width for height, width in spatial_shapes]
    if sum(sizes) != num_keys:
        raise ValueError(
            f'value has {num_keys} keys, but spatial_shapes '
            f'{list(spatial_shapes)} make {sum(sizes)}: expected the '
            'flattened feature maps of all levels, one after the other')
    # (B, K, M, C) -> (B * M, C, K): heads become independent images
    maps = value.permute(0, 2, 3, 1).reshape(batch * num_heads, channels,
                                             num_keys).split(sizes, dim=-1)
    # (B, Q, M, L, P, 2) -> (L, B * M, Q, P, 2); grid_sample wants [-1, 1]
    grids = (2 * sampling_locations - 1).permute(3, 0, 2, 1, 4, 5).reshape(
        num_levels, batch * num_heads, num_queries, num_points, 2)
    # (B, Q, M, L, P) -> (L, B * M, 1, Q, P)
    weights = attention_weights.permute(3, 0, 2, 1, 4).reshape(
        num_levels, batch * num_heads, 1, num_queries, num_points)
    # level by level, so that only one level's samples live at a time when no
    # gradient is needed
    output = value.new_zeros(batch * num_heads, channels, num_queries)
    for (height, width), level, grid, weight in zip(spatial_shapes, maps,
                                                    grids, weights):
        sampled = F.grid_sample(
            level.reshape(batch * num_heads, channels, height, width),
            grid,
            mode='bilinear',
            padding_mode='zeros',
            align_corners=False)
        output = output + (sampled * weight).sum(-1)
    # (B * M, C, Q) -> (B, Q, M * C)
    return output.view(batch, num_heads * channels,
                       num_queries).transpose(1, 2).contiguous()


def _as_pairs(spatial_shapes: Tensor) -> Tuple[Tuple[int, int], ...]:
    return tuple((int(h), int(w)) for h, w in spatial_shapes.tolist())


def ms_deform_attn_forward(value: Tensor, spatial_shapes: Tensor,
                           level_start_index: Tensor,
                           sampling_locations: Tensor,
                           attention_weights: Tensor,
                           im2col_step: int) -> Tensor:
    """Forward of multi-scale deformable attention (Deformable DETR, eq. 3).

    The signature is that of mmcv's compiled op. It computes in float32
    (float64 if an input is float64), also under autocast, and returns the
    dtype of ``value``.

    Args:
        value (Tensor): Shape (B, K, M, C): K keys of all levels, M heads,
            C channels a head.
        spatial_shapes (Tensor): Shape (L, 2), height and width of each level.
        level_start_index (Tensor): Shape (L, ). Not used: it follows from
            ``spatial_shapes``.
        sampling_locations (Tensor): Shape (B, Q, M, L, P, 2), (x, y) in
            [0, 1]; outside it the value is zero.
        attention_weights (Tensor): Shape (B, Q, M, L, P).
        im2col_step (int): Not used: how the compiled op splits the batch.

    Returns:
        Tensor: Shape (B, Q, M * C), dtype of ``value``.

    Raises:
        ValueError: If ``spatial_shapes`` does not make K keys.
    """
    dtype = _compute_dtype(value, sampling_locations, attention_weights)
    with torch.no_grad(), torch.autocast(value.device.type, enabled=False):
        output = _attend(
            value.to(dtype), _as_pairs(spatial_shapes),
            sampling_locations.to(dtype), attention_weights.to(dtype))
    return output.to(value.dtype)


def ms_deform_attn_backward(value: Tensor, spatial_shapes: Tensor,
                            level_start_index: Tensor,
                            sampling_locations: Tensor,
                            attention_weights: Tensor, grad_output: Tensor,
                            grad_value: Tensor, grad_sampling_loc: Tensor,
                            grad_attn_weight: Tensor,
                            im2col_step: int) -> None:
    """Backward of multi-scale deformable attention.

    Computes the forward once more and differentiates it, which keeps no
    sampled values between the passes.

    Args:
        value (Tensor): As in :func:`ms_deform_attn_forward`.
        spatial_shapes (Tensor): As in :func:`ms_deform_attn_forward`.
        level_start_index (Tensor): Not used.
        sampling_locations (Tensor): As in :func:`ms_deform_attn_forward`.
        attention_weights (Tensor): As in :func:`ms_deform_attn_forward`.
        grad_output (Tensor): Shape (B, Q, M * C).
        grad_value (Tensor): Zeros of the shape of ``value``; the gradient is
            added to it, as to the two that follow.
        grad_sampling_loc (Tensor): Zeros like ``sampling_locations``.
        grad_attn_weight (Tensor): Zeros like ``attention_weights``.
        im2col_step (int): Not used.
    """
    dtype = _compute_dtype(value, sampling_locations, attention_weights)
    inputs = [
        tensor.detach().to(dtype).requires_grad_()
        for tensor in (value, sampling_locations, attention_weights)
    ]
    with torch.enable_grad(), torch.autocast(
            value.device.type, enabled=False):
        output = _attend(inputs[0], _as_pairs(spatial_shapes), *inputs[1:])
        grads = torch.autograd.grad(output, inputs, grad_output.to(dtype))
    for buffer, grad in zip((grad_value, grad_sampling_loc, grad_attn_weight),
                            grads):
        buffer.add_(grad.to(buffer.dtype))
