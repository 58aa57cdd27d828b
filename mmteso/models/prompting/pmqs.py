# Copyright (c) mmteso contributors. All rights reserved.
import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.structures import AudioTextPrompt
from .attention import CrossAttention, mlp


class PMQSLayer(nn.Module):
    """One layer of PMQS: mask queries attend to the kept cues (eq. 5-6)."""

    def __init__(self, embed_dims: int, num_heads: int, norm: str) -> None:
        super().__init__()
        self.attn = CrossAttention(embed_dims, num_heads)
        if norm == 'post':
            self.norm = nn.LayerNorm(embed_dims)
        else:
            self.gamma = nn.Parameter(torch.zeros(embed_dims))
        self.norm_type = norm

    def forward(self, query: Tensor, keys: Tensor, gate: Tensor) -> Tensor:
        """(B, N_q, C), (B, N_k, C), (B, N_k) -> (B, N_q, C)."""
        attended, _ = self.attn(query, keys, gate)
        if self.norm_type == 'post':
            return self.norm(query + attended)
        return query + self.gamma * attended


@MODELS.register_module()
class PMQS(nn.Module):
    """Prompting mask queries with semantics (paper 3.4).

    Args:
        prompt_dims (int): D, channels of the sounding object features.
            Defaults to 1024.
        query_dims (int): Channels of the mask queries. Defaults to 256.
        hidden_dims (int): Hidden width of the projection D -> query_dims.
            Defaults to 2048 (release).
        num_heads (int): Heads of eq. 5. Defaults to 4 (release).
        num_layers (int): Stacked layers; not given in the paper. Defaults to 1
            (release).
        norm (str): ``'post'``, eq. 6's ``LN(F_Q + FC(...))``, or
            ``'zero_gated'`` (ours), ``F_Q + gamma * FC(...)`` with a gamma per
            channel that starts at zero, so that a pretrained decoder first
            sees the very queries it was trained with. Defaults to 'post'.
    """

    def __init__(self,
                 prompt_dims: int = 1024,
                 query_dims: int = 256,
                 hidden_dims: int = 2048,
                 num_heads: int = 4,
                 num_layers: int = 1,
                 norm: str = 'post') -> None:
        super().__init__()
        if norm not in ('post', 'zero_gated'):
            raise ValueError("norm must be 'post' or 'zero_gated', but got "
                             f'{norm!r}')
        if num_layers < 1:
            raise ValueError(f'num_layers must be >= 1, but got {num_layers}')
        self.prompt_dims = prompt_dims
        self.projection = mlp(prompt_dims, hidden_dims, query_dims)
        self.layers = nn.ModuleList(
            PMQSLayer(query_dims, num_heads, norm) for _ in range(num_layers))

    def forward(self, query: Tensor, prompt: AudioTextPrompt) -> Tensor:
        """F_Q (B, N_q, query_dims) and the prompt -> F_Q'."""
        keys, gate = self.projection(prompt.keys), prompt.key_gate
        for layer in self.layers:
            query = layer(query, keys, gate)
        return query
