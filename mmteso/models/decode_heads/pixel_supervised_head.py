# Copyright (c) mmteso contributors. All rights reserved.
from typing import List, Tuple

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor, nn

from .teso_head import TeSOHead


@MODELS.register_module()
class PixelSupervisedHead(TeSOHead):
    """TeSOHead for pretraining, whose mask features learn the classes (ours).

    Where each class has a query of its own and one object, as on SynthAVS, a
    query can find the object by its place, and the mask features need not tell
    classes apart; frozen, they would leave a prompt nothing to select by. A
    linear classifier on them, trained pixel by pixel, makes them do so, as
    pretraining on a large data set does for real pictures.

    The classifier is not used in prediction. In a checkpoint that a
    :class:`TeSOHead` loads, its keys (``pixel_classifier.*``, and those of
    ``stages``, ``stage_classifiers.*``) are left over.

    Args:
        in_channels (list[int]): Channels of the backbone's stages.
        stages (int): How many of the backbone's last stages learn the classes
            by a classifier of their own, too, which a backbone with random
            weights needs where classes are many. Defaults to 0.
        pixel_loss_weight (float): Weight of its cross entropy. Defaults to
            5.0.
        background_weight (float): Weight of background's pixels, which are
            most of them. Defaults to 0.2.
        **kwargs: See :class:`TeSOHead`.
    """

    def __init__(self,
                 in_channels: List[int],
                 stages: int = 0,
                 pixel_loss_weight: float = 5.0,
                 background_weight: float = 0.2,
                 **kwargs) -> None:
        super().__init__(in_channels=in_channels, **kwargs)
        channels = self.mask_embed[-1].out_features
        self.pixel_classifier = nn.Conv2d(channels, self.num_classes, 1)
        self.stage_classifiers = nn.ModuleList(
            nn.Conv2d(channels, self.num_classes, 1)
            for channels in in_channels[len(in_channels) - stages:])
        self.pixel_loss_weight = pixel_loss_weight
        weight = torch.ones(self.num_classes)
        weight[0] = background_weight
        self.register_buffer('class_weight_pixel', weight, persistent=False)

    def loss(self, x: Tuple[Tensor], batch_data_samples: SampleList,
             *args, **kwargs) -> dict:
        """Losses of :class:`TeSOHead`, ``loss_pixel``, and ``loss_stage0``
        and so on of the stages."""
        memory = self.encode_image(x)
        losses = super().loss(memory, batch_data_samples, *args, **kwargs)
        labels = torch.stack(
            [sample.gt_sem_seg.data for sample in batch_data_samples])
        losses['loss_pixel'] = self._loss_by_pixel(
            self.pixel_classifier(memory.mask_features), labels)
        stages = x[len(x) - len(self.stage_classifiers):]
        for i, (classify, stage) in enumerate(
                zip(self.stage_classifiers, stages)):
            losses[f'loss_stage{i}'] = self._loss_by_pixel(
                F.interpolate(
                    classify(stage),
                    memory.mask_features.shape[-2:],
                    mode='bilinear'), labels)
        return losses

    def _loss_by_pixel(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Of logits (B, K, h, w) and labels (B, 1, H, W)."""
        labels = F.interpolate(
            labels.float(), logits.shape[-2:], mode='nearest')[:, 0].long()
        return self.pixel_loss_weight * F.cross_entropy(
            logits,
            labels,
            weight=self.class_weight_pixel,
            ignore_index=self.ignore_index)
