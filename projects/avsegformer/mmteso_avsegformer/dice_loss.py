# Copyright (c) mmteso contributors. All rights reserved.
from typing import Optional

import torch
from mmdet.models.losses import DiceLoss
from mmseg.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class FrameDiceLoss(DiceLoss):
    """Dice loss of what sounds, a mean over the frames that are labelled.

    mmdet's with squares in the denominator, called as mmseg calls a loss. It
    says nothing of a frame in which nothing sounds: of an empty mask the loss
    is 1 whatever is predicted, and its gradient 0.

    Args:
        loss_weight (float): Defaults to 1.
        eps (float): Defaults to 1e-3.
        loss_name (str): Under which it is logged. Defaults to 'loss_dice'.
    """

    def __init__(self,
                 loss_weight: float = 1.,
                 eps: float = 1e-3,
                 loss_name: str = 'loss_dice') -> None:
        super().__init__(loss_weight=loss_weight, eps=eps)
        self.loss_name = loss_name

    def forward(self,
                pred: Tensor,
                target: Tensor,
                weight: Optional[Tensor] = None,
                ignore_index: int = 255) -> Tensor:
        """Loss of logits (B, 1, H, W) and labels (B, H, W), 0 background."""
        valid = target != ignore_index
        # an ignored pixel is neither predicted nor labelled
        pred = pred[:, 0].masked_fill(~valid, torch.finfo(pred.dtype).min)
        known = valid.flatten(1).any(1).to(pred)
        return super().forward(
            pred, (valid & (target > 0)).to(pred),
            weight=known,
            avg_factor=known.sum().clamp(min=1))
