# Copyright (c) mmteso contributors. All rights reserved.
"""mmcv's deformable attention in plain PyTorch, with its op's signatures."""
from typing import Sequence, Tuple, Union

import torch
import torch.nn.functional as F
from torch import Tensor


def _compute_dtype(*tensors: Tensor) -> torch.dtype:
    """float64 if any tensor is float64 (for exact tests), else float32."""
    wide = any(tensor.dtype == torch.float64 for tensor in tensors)
    return torch.float64 if wide else torch.float32


def attend(value: Tensor, spatial_shapes: Union[Tensor,
                                                Sequence[Tuple[int, int]]],
           sampling_locations: Tensor, attention_weights: Tensor) -> Tensor:
    """Multi-scale deformable attention (Deformable DETR, eq. 3), one level at
    a time.

    It takes the place of mmcv's ``multi_scale_deformable_attn_pytorch``, which
    lays out what was sampled on all levels before it weighs and sums. On a
    CPU that is the slower part.

    Args:
        value (Tensor): Shape (B, K, M, C): K keys of all levels, M heads,
            C channels a head.
        spatial_shapes (Tensor | Sequence): Shape (L, 2), height and width of
            each level.
        sampling_locations (Tensor): Shape (B, Q, M, L, P, 2), (x, y) in
            [0, 1]; outside it the value is zero.
        attention_weights (Tensor): Shape (B, Q, M, L, P).

    Returns:
        Tensor: Shape (B, Q, M * C).
    """
    if isinstance(spatial_shapes, Tensor):
        spatial_shapes = spatial_shapes.tolist()
    batch, _, heads, channels = value.shape
    # heads go to the batch: (B * M, C, K), (B * M, L, Q, P, ...)
    levels = value.permute(0, 2, 3, 1).flatten(0, 1).split(
        [height * width for height, width in spatial_shapes], -1)
    grids = (2 * sampling_locations - 1).permute(0, 2, 3, 1, 4, 5).flatten(
        0, 1)
    weights = attention_weights.permute(0, 2, 3, 1, 4).flatten(0, 1)
    output = sum(
        (F.grid_sample(
            level.unflatten(-1, tuple(shape)), grids[:, i],
            align_corners=False) * weights[:, None, i]).sum(-1)
        for i, (level, shape) in enumerate(zip(levels, spatial_shapes)))
    output = output.view(batch, heads * channels, -1).transpose(1, 2)
    return output.contiguous()


def ms_deform_attn_forward(value: Tensor, spatial_shapes: Tensor,
                           level_start_index: Tensor,
                           sampling_locations: Tensor,
                           attention_weights: Tensor,
                           im2col_step: int) -> Tensor:
    """:func:`attend` with the signature of mmcv's compiled op.

    It computes in float32 (float64 if an input is float64), also under
    autocast, and returns the dtype of ``value``.

    Args:
        value (Tensor): As in :func:`attend`.
        spatial_shapes (Tensor): As in :func:`attend`.
        level_start_index (Tensor): Shape (L, ). Not used: it follows from
            ``spatial_shapes``.
        sampling_locations (Tensor): As in :func:`attend`.
        attention_weights (Tensor): As in :func:`attend`.
        im2col_step (int): Not used: how the compiled op splits the batch.

    Returns:
        Tensor: Shape (B, Q, M * C), dtype of ``value``.
    """
    dtype = _compute_dtype(value, sampling_locations, attention_weights)
    with torch.no_grad(), torch.autocast(value.device.type, enabled=False):
        output = attend(
            value.to(dtype), spatial_shapes, sampling_locations.to(dtype),
            attention_weights.to(dtype))
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
        output = attend(inputs[0], spatial_shapes, *inputs[1:])
        grads = torch.autograd.grad(output, inputs, grad_output.to(dtype))
    for buffer, grad in zip((grad_value, grad_sampling_loc, grad_attn_weight),
                            grads):
        buffer.add_(grad.to(buffer.dtype))
