# Copyright (c) mmteso contributors. All rights reserved.
import torch.nn.functional as F
from mmdet.utils import reduce_mean
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class CueLoss(nn.Module):
    """Binary cross-entropy of "this cue sounds" (ours, beyond the paper).

    Trains the score of eq. 3, which nothing else does (see
    :class:`DynamicMask`), towards "this cue's class sounds in this frame". It
    uses labels that the paper does not: results with it are a row of their
    own.

    Args:
        threshold (float): t in ``sigmoid(s - t)``; the dynamic mask should
            use the same. Defaults to 0.
        loss_weight (float): Defaults to 1.
    """

    def __init__(self, threshold: float = 0., loss_weight: float = 1.) -> None:
        super().__init__()
        self.threshold = threshold
        self.loss_weight = loss_weight

    def forward(self, scores: Tensor, target: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            scores (Tensor): s_i, (B, N_T).
            target (Tensor): 1 the cue sounds, 0 it does not, -1 unknown or
                padding, which is ignored; (B, N_T).

        Returns:
            Tensor: Mean over the known cues, a scalar. The mean is over those
            of all ranks, so that two processes train as one does.
        """
        known = (target >= 0).to(scores.dtype)
        loss = F.binary_cross_entropy_with_logits(
            scores - self.threshold,
            target.clamp(min=0).to(scores.dtype),
            weight=known,
            reduction='sum')
        count = reduce_mean(known.sum())
        # Without a known cue anywhere the sum is zero: 0 / 1, still attached
        # to the graph so that every parameter keeps a gradient under DDP.
        return self.loss_weight * loss / count.where(count > 0, 1)
