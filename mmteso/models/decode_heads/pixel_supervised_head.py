# Copyright (c) mmteso contributors. All rights reserved.
from typing import Optional, Tuple

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from mmseg.utils import ConfigType, SampleList
from torch import Tensor, nn

from ..prompting import AudioTextPrompt
from .teso_head import TeSOHead


@MODELS.register_module()
class PixelSupervisedHead(TeSOHead):
    """TeSOHead for pretraining, whose mask features learn the classes (ours).

    A query masks what its embedding is close to in the mask features. Where
    each class has a query of its own and one object, as on SynthAVS, a query
    can find the object by its place, and the mask features need not tell
    classes apart; frozen, they would leave a prompt nothing to select by. A
    linear classifier on them, trained pixel by pixel, makes them do so, as
    pretraining on a large data set does for real pictures.

    The classifier is not used in prediction. In a checkpoint that a
    :class:`TeSOHead` loads, its keys (``pixel_classifier.*``) are left over.

    Args:
        pixel_loss_weight (float): Weight of its cross entropy. Defaults to
            5.0.
        background_weight (float): Weight of background's pixels, which are
            most of them. Defaults to 0.2.
        **kwargs: See :class:`TeSOHead`.
    """

    def __init__(self,
                 pixel_loss_weight: float = 5.0,
                 background_weight: float = 0.2,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        channels = self.mask_embed[-1].out_features
        self.pixel_classifier = nn.Conv2d(channels, self.num_classes, 1)
        self.pixel_loss_weight = pixel_loss_weight
        weight = torch.ones(self.num_classes)
        weight[0] = background_weight
        self.register_buffer('class_weight_pixel', weight, persistent=False)

    def loss(self,
             x: Tuple[Tensor],
             batch_data_samples: SampleList,
             train_cfg: ConfigType,
             prompt: Optional[AudioTextPrompt] = None) -> dict:
        """Losses of :class:`TeSOHead`, and ``loss_pixel``.

        Args:
            x (tuple[Tensor]): Backbone features.
            batch_data_samples (list[SegDataSample]): With ``gt_sem_seg``.
            train_cfg (dict): Unused, as in mmseg.
            prompt (AudioTextPrompt, optional): What is heard.

        Returns:
            dict[str, Tensor]: Loss components.
        """
        memory = self.encode_image(x)
        losses = self.loss_of_memory(memory, batch_data_samples, prompt)
        logits = self.pixel_classifier(memory.mask_features)
        labels = torch.stack(
            [sample.gt_sem_seg.data for sample in batch_data_samples])
        labels = F.interpolate(
            labels.float(), logits.shape[-2:], mode='nearest')[:, 0].long()
        losses['loss_pixel'] = self.pixel_loss_weight * F.cross_entropy(
            logits,
            labels,
            weight=self.class_weight_pixel,
            ignore_index=self.ignore_index)
        return losses
