# Copyright (c) mmteso contributors. All rights reserved.
from typing import Tuple

from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class BottleneckAdapter(nn.Module):
    """Residual two-layer bottleneck (Houlsby et al. 2019; paper 3.5).

    ``x + up(relu(down(x)))`` with ``up`` zero at the start, so that a freshly
    adapted network computes exactly what the pretrained one did.

    Args:
        embed_dims (int): Channels of the adapted output.
        ratio (int): The bottleneck has ``embed_dims // ratio`` channels.
            Defaults to 4 (release).
    """

    def __init__(self, embed_dims: int, ratio: int = 4) -> None:
        super().__init__()
        if embed_dims < ratio:
            raise ValueError(f'ratio must not exceed embed_dims, but got '
                             f'{ratio} and {embed_dims}')
        self.down = nn.Linear(embed_dims, embed_dims // ratio)
        # not in place: its input is a view (a linear layer flattens), and
        # autograd copies the gradient of what a view was of four times
        self.act = nn.ReLU()
        self.up = nn.Linear(embed_dims // ratio, embed_dims)
        self.init_weights()

    def init_weights(self) -> None:
        """Make the adapter an identity."""
        nn.init.xavier_uniform_(self.down.weight)
        nn.init.zeros_(self.down.bias)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., embed_dims) -> (..., embed_dims)."""
        return x + self.up(self.act(self.down(x)))


class AdaptedLinear(nn.Linear):
    """A linear layer followed by a :class:`BottleneckAdapter`.

    A subclass rather than a wrapper, so that ``weight`` and ``bias`` keep
    their names in the state dict.

    Args:
        linear (nn.Linear): The layer to take the place of; its parameters are
            shared, not copied.
        ratio (int): See :class:`BottleneckAdapter`.
    """

    def __init__(self, linear: nn.Linear, ratio: int) -> None:
        super().__init__(linear.in_features, linear.out_features,
                         linear.bias is not None)
        self.weight, self.bias = linear.weight, linear.bias
        self.adapter = BottleneckAdapter(linear.out_features,
                                         ratio).to(linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.adapter(super().forward(x))


class AdaptedMultiheadAttention(nn.MultiheadAttention):
    """Multi-head attention whose output goes through an adapter.

    :class:`torch.nn.MultiheadAttention` never calls ``out_proj.forward`` (it
    hands the weights to a fused function), so an adapter on ``out_proj`` would
    be ignored silently. The output is adapted instead.

    Args:
        attention (nn.MultiheadAttention): The layer to take the place of; its
            parameters are shared, not copied.
        ratio (int): See :class:`BottleneckAdapter`.
    """

    def __init__(self, attention: nn.MultiheadAttention, ratio: int) -> None:
        super().__init__(
            attention.embed_dim,
            attention.num_heads,
            dropout=attention.dropout,
            bias=attention.in_proj_bias is not None,
            add_bias_kv=attention.bias_k is not None,
            add_zero_attn=attention.add_zero_attn,
            kdim=attention.kdim,
            vdim=attention.vdim,
            batch_first=attention.batch_first)
        for name, parameter in list(attention.named_parameters(recurse=False)):
            setattr(self, name, parameter)
        self.out_proj = attention.out_proj
        self.adapter = BottleneckAdapter(attention.embed_dim,
                                         ratio).to(self.out_proj.weight)
        # dropout, and whether the fused path is taken, hang on the mode
        self.train(attention.training)

    def forward(self, *args, **kwargs) -> Tuple[Tensor, Tensor]:
        output, weights = super().forward(*args, **kwargs)
        return self.adapter(output), weights
