# Copyright (c) mmteso contributors. All rights reserved.
from typing import Optional, Sequence, Set, Tuple

from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.structures import AudioTextPrompt
from .attention import CrossAttention, mlp


class FusionLayer(nn.Module):
    """Lets the pixels of one level attend to what sounds.

    ``x + up(attention(down(LN(x)), keys))`` with ``up`` zero at the start, so
    that a fresh layer computes the identity.
    """

    def __init__(self, in_channels: int, embed_dims: int,
                 num_heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(in_channels)
        self.down = nn.Linear(in_channels, embed_dims)
        self.attn = CrossAttention(embed_dims, num_heads)
        self.up = nn.Linear(embed_dims, in_channels)
        self.init_weights()

    def init_weights(self) -> None:
        """Make the layer an identity."""
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor, keys: Tensor, gate: Tensor) -> Tensor:
        """(B, C, H, W), (B, N_k, C_k), (B, N_k) -> (B, C, H, W)."""
        pixels = x.flatten(2).transpose(1, 2)
        attended, _ = self.attn(self.down(self.norm(pixels)), keys, gate)
        update = self.up(attended).transpose(1, 2).unflatten(2, x.shape[2:])
        return x + update.to(x.dtype)


@MODELS.register_module()
class AudioTextFusion(nn.Module):
    """Brings sound and text into the features of any backbone (ours).

    For decode heads that know nothing of a prompt: the pixels of the visual
    features attend to the sounding object features of :class:`SeDAM`, gated by
    its dynamic mask, and to the "no cue" key, as the mask queries do in PMQS
    (paper 3.4). Set as ``fusion`` of an :class:`AudioTextSegmentor`, behind
    the backbone and the neck and before all heads, auxiliary ones included.

    The update starts at zero: untrained, it leaves the model under it as it
    is. Where no cue is kept, only the "no cue" key is left: with SeDAM's
    ``no_cue='learned'`` sound has no effect there.

    Args:
        in_channels (Sequence[int]): Channels of the levels that the backbone
            or neck gives.
        prompt_dims (int): D, channels of the sounding object features.
            Defaults to 1024.
        embed_dims (int): Channels of the attention. Defaults to 256.
        hidden_dims (int): Hidden width of the projection D -> embed_dims,
            which the levels share. Defaults to 2048, as in PMQS.
        num_heads (int): Heads of the attention. Defaults to 4, as in PMQS.
        levels (Sequence[int], optional): Which of the levels are changed,
            from 0, the finest; the others pass. They must be read by a decode
            head. Defaults to None: all.
    """

    def __init__(self,
                 in_channels: Sequence[int],
                 prompt_dims: int = 1024,
                 embed_dims: int = 256,
                 hidden_dims: int = 2048,
                 num_heads: int = 4,
                 levels: Optional[Sequence[int]] = None) -> None:
        super().__init__()
        every = range(len(in_channels))
        self.levels = tuple(sorted(set(every if levels is None else levels)))
        if not self.levels or not set(self.levels) <= set(every):
            raise ValueError(f'levels must be some of 0 ... {every[-1]}, one '
                             f'for each of in_channels, but got {levels}')
        self.in_channels = tuple(in_channels)
        self.prompt_dims = prompt_dims
        self.projection = mlp(prompt_dims, hidden_dims, embed_dims)
        # by name: the level's place, whichever are chosen
        self.layers = nn.ModuleDict({
            str(level): FusionLayer(in_channels[level], embed_dims, num_heads)
            for level in self.levels
        })

    def forward(self, x: Sequence[Tensor],
                prompt: AudioTextPrompt) -> Tuple[Tensor, ...]:
        """Add to the features, (B, in_channels[i], H_i, W_i), what sounds.

        Raises:
            ValueError: If there are not as many levels, or not as wide ones,
                as configured.
        """
        found = tuple(
            level.shape[1] if isinstance(level, Tensor) else None
            for level in x)
        if found != self.in_channels:
            raise ValueError(
                'AudioTextFusion was built with in_channels='
                f'{self.in_channels}, but the features have {found}')
        keys, gate = self.projection(prompt.keys), prompt.key_gate
        return tuple(
            self.layers[str(i)](level, keys, gate) if str(i) in
            self.layers else level for i, level in enumerate(x))


def levels_read(heads: Sequence[nn.Module], number: int) -> Set[int]:
    """Which of ``number`` levels the decode heads of mmseg read.

    As their ``in_index`` tells; heads without it, such as the MaskFormers,
    read all.
    """
    found = set()
    for head in heads:
        # K-Net's reads what the head that makes its first kernels reads
        head = getattr(head, 'kernel_generate_head', head)
        index = getattr(head, 'in_index', range(number))
        found.update([index] if isinstance(index, int) else index)
        if getattr(head, 'c1_bottleneck', None) is not None:
            found.add(0)  # the low-level branch of DeepLabV3+
    return {index % number for index in found}
