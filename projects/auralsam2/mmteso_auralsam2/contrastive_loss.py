# Copyright (c) mmteso contributors. All rights reserved.
from typing import List, Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.models.prompting import at_least_float32


@MODELS.register_module()
class AudioContrastiveLoss(nn.Module):
    """Audio-guided contrastive loss of AuralSAM2.

    An InfoNCE whose anchors are pixels and whose positives are sounds: a pixel
    of what sounds is drawn to the sounds of the frames in which something
    does, any other pixel to those of silent frames, and both away from pixels
    and sounds of the other kind. Pixels aren't drawn to pixels.

    Args:
        tau (float): Temperature. Defaults to 0.1.
        num_pixels (int): Pixels drawn of a frame, at most, of those that sound
            and those that don't, predicted right and wrong: a number for each
            of the four. Defaults to 128.
        max_anchors (int): Of a batch, levels counted one by one. Defaults to
            15240.
        loss_weight (float): Defaults to 0.2: the authors have 1 beside sums
            over five frames that are means here.
    """

    def __init__(self,
                 tau: float = 0.1,
                 num_pixels: int = 128,
                 max_anchors: int = 15240,
                 loss_weight: float = 0.2) -> None:
        super().__init__()
        self.tau, self.num_pixels = tau, num_pixels
        self.max_anchors, self.loss_weight = max_anchors, loss_weight

    def forward(self, pixels: Sequence[Tensor], sounds: Sequence[Tensor],
                labels: Tensor, wrong: Tensor) -> Tensor:
        """Loss of a batch.

        Args:
            pixels (Sequence[Tensor]): Embeddings (B, N, D) by level.
            sounds (Sequence[Tensor]): (B, D) by level.
            labels (Tensor): (B, N), 0, 1 (sounding) or 255 (ignored).
            wrong (Tensor): (B, N), whether the pixel is predicted wrongly.
        """
        chosen = self._choose(labels, wrong)
        kind = labels.flatten()[chosen].repeat(len(pixels))
        anchors = torch.cat([x.flatten(0, 1)[chosen] for x in pixels])
        kept = torch.randperm(len(anchors), device=anchors.device)
        kept = kept[:self.max_anchors]
        anchors, kind = anchors[kept], kind[kept]
        # a frame without a single known pixel says nothing
        known = (labels != 255).any(1)
        audio = torch.cat([x[known] for x in sounds])
        audio_kind = (labels[known] == 1).any(1).repeat(len(sounds))
        if not len(anchors):
            return 0 * sum(x.sum() for x in [*pixels, *sounds])
        logits = at_least_float32(anchors @ torch.cat([anchors, audio]).T)
        logits = logits / self.tau
        same = kind[:, None] == torch.cat([kind, audio_kind.to(kind)])
        lowest = torch.finfo(logits.dtype).min
        negative = logits.masked_fill(same, lowest).logsumexp(1, keepdim=True)
        positive = same[:, len(anchors):]
        logits = logits[:, len(anchors):]
        losses = torch.logaddexp(logits, negative) - logits
        losses = (losses * positive).sum(1) / positive.sum(1).clamp(min=1)
        return self.loss_weight * losses.mean()

    def _choose(self, labels: Tensor, wrong: Tensor) -> Tensor:
        """Places in the flattened labels, of each kind a few by chance."""
        chosen: List[Tensor] = []
        for i, (row, mistaken) in enumerate(zip(labels, wrong)):
            for label in (0, 1):
                for group in (mistaken, ~mistaken):
                    found = ((row == label) & group).nonzero()[:, 0]
                    few = torch.randperm(len(found), device=found.device)
                    chosen.append(i * len(row) +
                                  found[few[:self.num_pixels]])
        return torch.cat(chosen)
