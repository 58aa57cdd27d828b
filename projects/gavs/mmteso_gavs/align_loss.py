# Copyright (c) mmteso contributors. All rights reserved.
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class AudioVisualTripletLoss(nn.Module):
    """Brings a sound to what is visible in its frame, away from other clips.

    Triplet loss by cosine similarity, a mean over pairs of frames: anchor is
    a frame's sound, positive its own cue, negative that of another clip's
    frame. Of frames in which nothing sounds it says nothing.

    Args:
        margin (float): Of the similarities. Defaults to 0.2 (ours).
        loss_weight (float): Defaults to 0.1 (ours).
    """

    def __init__(self, margin: float = 0.2, loss_weight: float = 0.1) -> None:
        super().__init__()
        self.margin, self.loss_weight = margin, loss_weight

    def forward(self, audio: Tensor, cue: Tensor, same: Tensor,
                sounding: Tensor) -> Tensor:
        """Loss of sounds and cues, (B, D) each.

        Args:
            audio (Tensor): The sounds.
            cue (Tensor): The visual cues.
            same (Tensor): Which frames are of one clip, bool (B, B).
            sounding (Tensor): In which something sounds, bool (B).
        """
        similar = F.normalize(audio, dim=1) @ F.normalize(cue, dim=1).T
        excess = self.margin + similar - similar.diagonal()[:, None]
        counts = ~same & sounding[:, None] & sounding
        losses = torch.where(counts, excess.relu(), 0)
        return self.loss_weight * losses.sum() / counts.sum().clamp(min=1)
