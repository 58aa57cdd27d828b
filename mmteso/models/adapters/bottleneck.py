# Copyright (c) mmteso contributors. All rights reserved.
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
        self.act = nn.ReLU(inplace=True)
        self.up = nn.Linear(embed_dims // ratio, embed_dims)
        self.init_weights()

    def init_weights(self) -> None:
        """Make the adapter an identity.

        ``Runner.train()`` re-initialises every linear layer of a transformer
        after the constructor ran; :class:`AudioTextSegmentor` therefore calls
        this once more after all others.
        """
        nn.init.xavier_uniform_(self.down.weight)
        nn.init.zeros_(self.down.bias)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., embed_dims) -> (..., embed_dims)."""
        return x + self.up(self.act(self.down(x)))
