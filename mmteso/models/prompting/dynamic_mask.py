# Copyright (c) mmteso contributors. All rights reserved.
from typing import Tuple, Union

import torch
from mmdet.utils import reduce_mean
from mmseg.registry import MODELS
from torch import Tensor, nn

# What a batch counts in the running mean of the scores.
_MEAN_RATE = 0.01


@MODELS.register_module()
class DynamicMask(nn.Module):
    """Select the cues that fit the sound (paper 3.3, eq. 3-4).

    A cue is kept if it is valid (no padding) and its score reaches the
    threshold. The paper adds 0 or -inf to the attention's logits; the same is
    written here as a *gate* g >= 0 in ``g_i exp(l_i) / sum_j g_j exp(l_j)``,
    which covers the softer modes too.

    Beware: a softmax over keys does not change when all logits of a query
    shift together, so nothing in the attention trains the *mean* of a cue's
    logits, and a hard threshold passes no gradient. Without a cue loss or a
    softer mode the scores select by chance.

    Args:
        mode (str): ``'hard'``, the paper's 0 / -inf. ``'straight_through'``,
            the same forward with the gradient of a sigmoid. ``'soft'``,
            ``log sigmoid(s - t)`` added to the logits. ``'off'``, every valid
            cue is kept. The last three are ours. Defaults to 'hard'.
        threshold (str | float): A number, or ``'mean'``, the mean score of
            the frame's valid cues, which never keeps all of several cues
            (unless they tie) and always a lone one. Not given in the paper;
            ours. Defaults to 0: the score is a mean of scaled dot products,
            which is 0 for a cue that has nothing to do with the sound.
        center (bool): Subtract the running mean of all frames' valid scores,
            learned in training, before the comparison (ours). Leave it off
            with a cue loss, which trains the mean. Defaults to False.
    """

    MODES = ('hard', 'straight_through', 'soft', 'off')

    def __init__(self,
                 mode: str = 'hard',
                 threshold: Union[str, float] = 0.,
                 center: bool = False) -> None:
        super().__init__()
        if mode not in self.MODES:
            raise ValueError(
                f'mode must be one of {self.MODES}, but got {mode!r}')
        if isinstance(threshold, str) and threshold != 'mean':
            raise ValueError("threshold must be 'mean' or a number, but got "
                             f'{threshold!r}')
        self.mode = mode
        self.threshold = threshold
        self.center = center
        if center:
            self.register_buffer('score_mean', torch.zeros(()))
            self.register_buffer('batches', torch.zeros(()))

    def forward(self, scores: Tensor, valid: Tensor) -> Tuple[Tensor, Tensor]:
        """Compute the mask.

        Args:
            scores (Tensor): s_i of eq. 3, (B, N_T).
            valid (Tensor): Which cues are real, bool (B, N_T).

        Returns:
            tuple[Tensor, Tensor]: The gate (B, N_T), zero for padding, and
            which cues are kept, bool (B, N_T). In the modes ``'soft'`` and
            ``'off'`` "kept" still says where the score reaches the threshold
            (soft) or is valid (off); what weighs the attention is the gate.
        """
        if self.mode == 'off':
            return valid.to(scores.dtype), valid
        if self.center:
            if self.training:
                self._update_mean(scores.detach(), valid)
            scores = scores - self.score_mean
        margin = scores - self._threshold(scores, valid)
        kept = valid & (margin >= 0)
        soft = margin.sigmoid() * valid
        if self.mode == 'soft':
            return soft, kept
        gate = kept.to(scores.dtype)
        if self.mode == 'straight_through':
            # In this order the value is kept's own 0 or 1 to the last bit.
            gate = gate + (soft - soft.detach())
        return gate, kept

    def _update_mean(self, scores: Tensor, valid: Tensor) -> None:
        """Follow the mean score of the batch, over all ranks."""
        total, count = reduce_mean(
            torch.stack([(scores * valid).sum(),
                         valid.sum().to(scores.dtype)]))
        if count > 0:
            self.batches += 1
            # the first batches are averaged, later ones followed slowly
            rate = (1 / self.batches).clamp(min=_MEAN_RATE)
            self.score_mean += rate * (total / count - self.score_mean)

    def _threshold(self, scores: Tensor,
                   valid: Tensor) -> Union[Tensor, float]:
        if self.threshold != 'mean':
            return self.threshold
        count = valid.sum(1, keepdim=True).clamp(min=1)
        mean = (scores * valid).sum(1, keepdim=True) / count
        # Rounding must not drop a lone cue, or cues that all score the same,
        # below their own mean. A sum's error is below this.
        tolerance = torch.finfo(scores.dtype).eps * (
            scores.detach() * valid).abs().sum(
                1, keepdim=True)
        return mean - tolerance
