# Copyright (c) mmteso contributors. All rights reserved.
from typing import List, Optional, Sequence, Tuple

import torch.nn.functional as F
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from mmseg.utils import ConfigType, SampleList
from torch import Tensor, nn

from mmteso.models import same_clip
from mmteso.structures import AudioTextPrompt
from .tpavi import TPAVI


class ParallelConvs(nn.Module):
    """Convolutions of several dilations side by side, summed."""

    def __init__(self, in_channels: int, out_channels: int,
                 rates: Sequence[int]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(
                in_channels, out_channels, 3, padding=rate, dilation=rate)
            for rate in rates)

    def forward(self, x: Tensor) -> Tensor:
        return sum(conv(x) for conv in self.convs)


class ResidualConvs(nn.Sequential):
    """Two convolutions around which the input passes, or its ReLU."""

    def __init__(self, channels: int, relu_skip: bool) -> None:
        super().__init__(
            nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1))
        self.relu_skip = relu_skip

    def forward(self, x: Tensor) -> Tensor:
        return (x.relu() if self.relu_skip else x) + super().forward(x)


@MODELS.register_module()
class AVSBenchHead(BaseDecodeHead):
    """Head of AVSBench's baseline (Zhou et al., ECCV 2022).

    Each level of the backbone goes through parallel dilated convolutions
    (V_i), :class:`TPAVI` (Z_i), and a decoder that adds the levels from the
    coarsest to the finest. The output is one logit per pixel.

    A frame sees the other frames of its clip in the batch
    (:class:`mmteso.datasets.ClipBatchSampler`); one whose clip is not known,
    no ``uid`` in the metainfo, itself alone.

    Args:
        in_channels (Sequence[int]): Channels of the backbone's levels, fine
            to coarse, each half as large as the one before.
        feat_channels (int): C of V_i and Z_i. Defaults to 256.
        channels (int): Channels before the last convolution. Defaults to 32.
        audio_dims (int): Of the sound's feature. Defaults to 128.
        rates (Sequence[int]): Dilations of the parallel convolutions.
            Defaults to (3, 6, 12, 18).
        relu_skip (bool): Whether the ReLU of the input, and not the input, is
            what passes around the decoder's convolutions, as in the release,
            whose ReLU overwrites its input. Defaults to False, the usual
            residual block.
        loss_avm_weight (float): Lambda of the audio-visual mapping loss,
            KL(mean of M Z_i || A_i) summed over the levels, M the predicted
            mask. Defaults to 0: no such loss; the paper has 0.5 on MS3.
        **kwargs: Others of mmseg's ``BaseDecodeHead``, such as
            ``loss_decode``, binary cross entropy by default, and
            ``align_corners``, of the decoder's levels.
    """

    takes_prompt = True  # see AudioTextSegmentor

    def __init__(self,
                 in_channels: Sequence[int],
                 feat_channels: int = 256,
                 channels: int = 32,
                 audio_dims: int = 128,
                 rates: Sequence[int] = (3, 6, 12, 18),
                 relu_skip: bool = False,
                 loss_avm_weight: float = 0.,
                 loss_decode: ConfigType = dict(
                     type='CrossEntropyLoss',
                     use_sigmoid=True,
                     # a frame without a mask is all 255
                     avg_non_ignore=True),
                 **kwargs) -> None:
        super().__init__(
            in_channels=list(in_channels),
            channels=channels,
            num_classes=2,
            out_channels=1,
            threshold=0.5,
            dropout_ratio=0,
            in_index=list(range(len(in_channels))),
            input_transform='multiple_select',
            loss_decode=loss_decode,
            **kwargs)
        self.loss_avm_weight = loss_avm_weight
        self.aspp = nn.ModuleList(
            ParallelConvs(width, feat_channels, rates)
            for width in in_channels)
        self.tpavi = nn.ModuleList(
            TPAVI(feat_channels, audio_dims) for _ in in_channels)
        # none for the coarsest level, with which the decoder begins
        self.lateral = nn.ModuleList(
            ResidualConvs(feat_channels, relu_skip) for _ in in_channels[1:])
        self.merge = nn.ModuleList(
            ResidualConvs(feat_channels, relu_skip) for _ in in_channels)
        half = feat_channels // 2
        self.before_last = nn.Conv2d(feat_channels, half, 3, padding=1)
        self.last = nn.Conv2d(half, channels, 3, padding=1)

    def encode_image(self, x: Sequence[Tensor]) -> List[Tensor]:
        """V_i of the backbone's features: what no sound changes."""
        return [aspp(level) for aspp, level in zip(self.aspp, x)]

    def decode(
        self, x: Sequence[Tensor], prompt: AudioTextPrompt, metas: List[dict]
    ) -> Tuple[Tensor, List[Tuple[Tensor, Tensor]]]:
        """Logits (B, 1, H, W) of V_i, and Z_i with A_i of each level."""
        same = same_clip(metas).to(x[0].device)
        heard = [
            tpavi(level, prompt.features[:, 0], same)
            for tpavi, level in zip(self.tpavi, x)
        ]
        finest = x[0].shape[2:]
        # where each level ends: the next one's size, then twice the finest
        sizes = [[2 * side for side in finest]]
        sizes += [level.shape[2:] for level in x[:-1]]
        path = None
        for i in reversed(range(len(x))):
            level = heard[i][0]
            if path is not None:
                level = path + self.lateral[i](level)
            path = self._resize(self.merge[i](level), sizes[i])
        path = F.interpolate(
            self.before_last(path), [4 * side for side in finest],
            mode='bilinear')
        return self.cls_seg(self.last(path).relu()), heard

    def _resize(self, x: Tensor, size: Sequence[int]) -> Tensor:
        return F.interpolate(
            x, tuple(size), mode='bilinear', align_corners=self.align_corners)

    def forward(self,
                x: Sequence[Tensor],
                prompt: AudioTextPrompt,
                metas: Optional[List[dict]] = None) -> Tensor:
        """Logits of the backbone's features, (B, 1, H, W)."""
        metas = [{}] * len(x[0]) if metas is None else metas
        return self.decode(self.encode_image(x), prompt, metas)[0]

    def loss(self, inputs: Sequence[Tensor], batch_data_samples: SampleList,
             train_cfg: ConfigType, prompt: AudioTextPrompt) -> dict:
        """Binary cross entropy, and the audio-visual mapping loss if it has a
        weight."""
        logits, heard = self.decode(
            self.encode_image(inputs), prompt,
            [sample.metainfo for sample in batch_data_samples])
        losses = self.loss_by_feat(logits, batch_data_samples)
        del losses['acc_seg']  # of one channel it is the background's share
        if self.loss_avm_weight:
            losses['loss_avm'] = self.loss_avm_weight * sum(
                _mapping_loss(logits.sigmoid(), *level) for level in heard)
        return losses

    def predict(self, inputs: Sequence[Tensor], batch_img_metas: List[dict],
                test_cfg: ConfigType, prompt: AudioTextPrompt) -> Tensor:
        """Logits at the images' size, of what :meth:`encode_image` gave."""
        logits, _ = self.decode(inputs, prompt, batch_img_metas)
        return self.predict_by_feat(logits, batch_img_metas)


def _mapping_loss(mask: Tensor, fused: Tensor, audio: Tensor) -> Tensor:
    """KL of the masked features' mean and the sound, softmax over channels."""
    mask = F.adaptive_avg_pool2d(mask, fused.shape[2:])
    seen = (mask * fused).mean((2, 3))
    return F.kl_div(
        audio.log_softmax(1),
        seen.log_softmax(1),
        reduction='batchmean',
        log_target=True)
