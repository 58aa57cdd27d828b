# Copyright (c) mmteso contributors. All rights reserved.
"""Multi-head cross-attention with visible logits and gated keys.

SeDAM and PMQS (paper 3.3 and 3.4) both need what
:class:`torch.nn.MultiheadAttention` hides: the scaled dot products *before*
the softmax (they are the cue scores of eq. 3), and keys that can be removed by
a gate through which a gradient passes (eq. 4).
"""
from typing import Optional, Tuple

import torch
from torch import Tensor, nn

# A smaller gate counts as closed. With it as the only term that does not
# underflow, the sum would be so small that its reciprocal overflows in the
# backward pass: inf * 0 = NaN.
_MIN_GATE = 1e-30
# exp(10) / _MIN_GATE is still well within float32. Only keys whose gate is
# closed can exceed the largest open key's logit, and only there does the clamp
# bite.
_MAX_EXPONENT = 10.


def at_least_float32(x: Tensor) -> Tensor:
    """Half precision to float32; float32 and float64 stay as they are."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def mlp(in_dims: int, hidden_dims: int, out_dims: int) -> nn.Sequential:
    """Two linear layers with a ReLU between them (release)."""
    return nn.Sequential(
        nn.Linear(in_dims, hidden_dims), nn.ReLU(),
        nn.Linear(hidden_dims, out_dims))


def gated_softmax(logits: Tensor, gate: Optional[Tensor] = None) -> Tensor:
    r"""Softmax whose terms are weighted by a gate.

    .. math:: w_i = g_i \exp(l_i) / \sum_j g_j \exp(l_j)

    With ``g`` in {0, 1} this is the softmax under a key padding mask (eq. 4's
    0 / -inf), with ``g = sigmoid(s)`` that of ``l + log g``, but its gradient
    stays finite where ``g`` reaches zero.

    Args:
        logits (Tensor): (..., N_k).
        gate (Tensor, optional): Non-negative, broadcastable to ``logits``; at
            least one key of every row must have 1e-30 or more, and a key with
            less can't outweigh it. Defaults to None: all ones.

    Returns:
        Tensor: Weights of the shape of ``logits``, in float32 at least;
        they sum to 1.
    """
    logits = at_least_float32(logits)
    if gate is None:
        return logits.softmax(-1)
    gate = gate.to(logits.dtype).expand_as(logits)
    # Subtracting the largest *open* logit: with the largest of all, a masked
    # key far above the others would underflow every kept one to 0 / 0.
    largest = logits.detach().masked_fill(gate < _MIN_GATE, -torch.inf).amax(
        -1, keepdim=True)
    weights = gate * (logits - largest).clamp(max=_MAX_EXPONENT).exp()
    return weights / weights.sum(-1, keepdim=True)


class CrossAttention(nn.Module):
    """Multi-head cross-attention that returns its logits.

    Args:
        embed_dims (int): Channels of queries, keys and values.
        num_heads (int): Number of heads; must divide ``embed_dims``.
    """

    def __init__(self, embed_dims: int, num_heads: int) -> None:
        super().__init__()
        if embed_dims % num_heads:
            raise ValueError(f'embed_dims must be a multiple of num_heads, '
                             f'but got {embed_dims} and {num_heads}')
        self.num_heads = num_heads
        self.q_proj = nn.Linear(embed_dims, embed_dims)
        self.k_proj = nn.Linear(embed_dims, embed_dims)
        self.v_proj = nn.Linear(embed_dims, embed_dims)
        self.out_proj = nn.Linear(embed_dims, embed_dims)
        for projection in (self.q_proj, self.k_proj, self.v_proj):
            nn.init.xavier_uniform_(projection.weight)
            nn.init.zeros_(projection.bias)

    def forward(self,
                query: Tensor,
                key: Tensor,
                gate: Optional[Tensor] = None) -> Tuple[Tensor, Tensor]:
        """Attend from ``query`` to ``key``.

        Args:
            query (Tensor): (B, N_q, C).
            key (Tensor): (B, N_k, C); also the values.
            gate (Tensor, optional): (B, N_k), or (B, N_q, N_k) for a gate of
                each query's own; see :func:`gated_softmax`.

        Returns:
            tuple[Tensor, Tensor]: The attended values after the output
            projection (``FC`` in eq. 2 and 5), (B, N_q, C), and the scaled dot
            products before the softmax, (B, heads, N_q, N_k), in float32 at
            least, under autocast too.
        """
        q, k, v = (
            projection(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for projection, x in ((self.q_proj, query), (self.k_proj, key),
                                  (self.v_proj, key)))
        # Scaling first keeps the products within float16.
        logits = at_least_float32(
            (q * q.shape[-1]**-0.5) @ k.transpose(-1, -2))
        if gate is not None:
            gate = gate[:, None] if gate.dim() == 3 else gate[:, None, None]
        weights = gated_softmax(logits, gate).to(v.dtype)
        attended = (weights @ v).transpose(1, 2).flatten(-2)
        return self.out_proj(attended), logits
