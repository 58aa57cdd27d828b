# Copyright (c) mmteso contributors. All rights reserved.
from mmdet.utils import reduce_mean
from torch import Tensor, nn


class RankAveragedLoss(nn.Module):
    """Divides a loss by the mean of ``avg_factor`` over all ranks.

    mmdet's Mask2Former divides the class loss by the rank's *own* sum of class
    weights, although it averages the mask losses' factor over ranks. Where
    ranks hold different numbers of ground-truth masks, two processes then get
    gradients 2-4 % off those of one process with the whole batch.

    Args:
        loss (nn.Module): An mmdet loss whose ``forward`` takes ``avg_factor``.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, *args, avg_factor: Tensor, **kwargs) -> Tensor:
        return self.loss(
            *args, avg_factor=reduce_mean(avg_factor), **kwargs)
