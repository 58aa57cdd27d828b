# Copyright (c) mmteso contributors. All rights reserved.
from typing import Optional

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.structures import AudioTextPrompt


@MODELS.register_module()
class TagPrompt(nn.Module):
    """Audio tags as the classes that may be seen.

    Args:
        audio_dims (int): Channels of the audio encoder's feature; the
            classes of :class:`AudioTagger`, whose feature are their scores.
        num_classes (int, optional): Learn a linear classifier of so many
            classes on the feature, where no pretrained one is to be had.
            Defaults to None: the feature are the scores.
        threshold (float): A class is heard if its score is greater. Defaults
            to 0.3 [ours], which isn't tuned.
    """

    reads = ('audio', )

    def __init__(self,
                 audio_dims: int,
                 num_classes: Optional[int] = None,
                 threshold: float = 0.3) -> None:
        super().__init__()
        self.audio_dims = audio_dims
        self.embed_dims = num_classes or audio_dims
        self.threshold = threshold
        self.classifier = num_classes and nn.Linear(audio_dims, num_classes)

    def forward(self,
                audio: Tensor,
                text: Optional[Tensor] = None,
                valid: Optional[Tensor] = None) -> AudioTextPrompt:
        """(B, audio_dims) -> scores as features (B, 1, C), and
        ``cue_classes`` (B, C)."""
        scores = self.classifier(audio).sigmoid() if self.classifier else audio
        return AudioTextPrompt(
            scores[:, None],
            torch.zeros_like(scores),
            scores.new_ones(len(scores), 1),
            cue_classes=scores > self.threshold)

    def loss(self, audio: Tensor, target: Tensor,
             labelled: Tensor) -> Tensor:
        """Binary cross entropy of the classifier for what sounds, (B, C): the
        mean over the frames that are ``labelled``, bool (B); 0 if none is."""
        losses = nn.functional.binary_cross_entropy_with_logits(
            self.classifier(audio), target, reduction='none').mean(1)
        return (losses * labelled).sum() / labelled.sum().clamp(min=1)
