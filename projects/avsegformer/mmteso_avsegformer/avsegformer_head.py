# Copyright (c) mmteso contributors. All rights reserved.
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

import torch
import torch.nn.functional as F
from mmcv.ops import MultiScaleDeformableAttention
from mmdet.models.layers import DetrTransformerDecoderLayer
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from mmseg.utils import ConfigType, SampleList
from torch import Tensor, nn

from mmteso.structures import AudioTextPrompt
from .mixer import AudioVisualMixer
from .pixel_decoder import AVSegFormerPixelDecoder


@MODELS.register_module()
class AudioProjectionPrompt(nn.Module):
    """The audio encoder's feature at the width of :class:`AVSegFormerHead`.

    Args:
        audio_dims (int): Channels of the feature. Defaults to 128, VGGish's.
        embed_dims (int): C of the head. Defaults to 256.
    """

    reads = ('audio', )

    def __init__(self, audio_dims: int = 128, embed_dims: int = 256) -> None:
        super().__init__()
        self.audio_dims, self.embed_dims = audio_dims, embed_dims
        self.proj = nn.Linear(audio_dims, embed_dims)

    def forward(self,
                audio: Tensor,
                text: Optional[Tensor] = None,
                valid: Optional[Tensor] = None) -> AudioTextPrompt:
        """(B, audio_dims) -> a prompt of one feature, (B, 1, embed_dims)."""
        features = self.proj(audio)[:, None]
        return AudioTextPrompt(features, torch.zeros_like(features[:, 0]),
                               audio.new_ones(len(audio), 1))


class AVSegFormerMemory(NamedTuple):
    """What AVSegFormer's decoder reads of an image, whatever sounds.

    Attributes:
        mask_features (Tensor): (B, C, H/4, W/4).
        tokens (Tensor): Pixels of the encoder's three levels, (B, N, C).
    """
    mask_features: Tensor
    tokens: Tensor


def _layers(number: int, channels: int, num_heads: int, ffn_channels: int,
            **attention) -> nn.ModuleList:
    """Self-attention, cross-attention and a feed-forward network with GELU."""
    attention = dict(embed_dims=channels, num_heads=num_heads, **attention)
    return nn.ModuleList(
        DetrTransformerDecoderLayer(
            self_attn_cfg=dict(attention),
            cross_attn_cfg=dict(attention),
            ffn_cfg=dict(
                embed_dims=channels,
                feedforward_channels=ffn_channels,
                ffn_drop=attention.get('attn_drop', 0.),
                act_cfg=dict(type='GELU'))) for _ in range(number))


@MODELS.register_module()
class AVSegFormerHead(BaseDecodeHead):
    """Head of AVSegFormer (Gao et al., AAAI 2024).

    A transformer encoder makes tokens and mask features of the image
    (:class:`AVSegFormerPixelDecoder`); queries that have listened to the
    sound, plus learnable ones, read the tokens; the sound weights the mask
    features' channels (:class:`AudioVisualMixer`). The products of queries
    and mask features, through a network on each pixel, are added to the mask
    features, of which convolutions make the logits.

    Frames are independent of each other.

    Args:
        in_channels (Sequence[int]): Channels of the backbone's four levels,
            fine to coarse, of strides 4, 8, 16 and 32.
        num_classes (int): With background. Defaults to 2: the binary task,
            one logit per pixel; others have a logit for each class.
        feat_channels (int): C. Defaults to 256.
        mid_channels (int): Of the last convolutions but one. Defaults to 128.
        channels (int): Before the last convolution. Defaults to 32.
        num_queries (int): N_q. Defaults to 300.
        num_layers (Sequence[int]): Of the query generator, the encoder and
            the decoder. Defaults to (6, 6, 6).
        num_heads (int): Of all attention. Defaults to 8.
        ffn_channels (int): Of encoder, decoder and the network on the
            products. Defaults to 2048.
        generator_channels (int): Of the generator's feed-forward networks.
            Defaults to 1024.
        dropout (float): In encoder and decoder. Defaults to 0.1.
        num_groups (int): Of the group norms. Defaults to 32.
        loss_decode (dict | list[dict]): Defaults to :class:`FrameDiceLoss`,
            the paper's for the binary task.
        loss_mix (dict, optional): Loss of the mask features' mean over
            channels, as a mask of what sounds. Defaults to the paper's,
            :class:`FrameDiceLoss` with a weight of 0.1; None is none.
        **kwargs: Others of mmseg's ``BaseDecodeHead``.
    """

    takes_prompt = True  # see AudioTextSegmentor

    def __init__(self,
                 in_channels: Sequence[int],
                 num_classes: int = 2,
                 feat_channels: int = 256,
                 mid_channels: int = 128,
                 channels: int = 32,
                 num_queries: int = 300,
                 num_layers: Sequence[int] = (6, 6, 6),
                 num_heads: int = 8,
                 ffn_channels: int = 2048,
                 generator_channels: int = 1024,
                 dropout: float = 0.1,
                 num_groups: int = 32,
                 loss_decode: Union[ConfigType, List[ConfigType]] = dict(
                     type='FrameDiceLoss'),
                 loss_mix: Optional[ConfigType] = dict(
                     type='FrameDiceLoss',
                     loss_weight=0.1,
                     loss_name='loss_mix'),
                 **kwargs) -> None:
        super().__init__(
            in_channels=list(in_channels),
            channels=channels,
            num_classes=num_classes,
            out_channels=1 if num_classes == 2 else num_classes,
            threshold=0.5,
            dropout_ratio=0,
            in_index=list(range(len(in_channels))),
            input_transform='multiple_select',
            loss_decode=loss_decode,
            **kwargs)
        generator, encoder, decoder = num_layers
        self.pixel_decoder = AVSegFormerPixelDecoder(in_channels,
                                                     feat_channels, encoder,
                                                     num_heads, ffn_channels,
                                                     dropout, num_groups)
        self.audio_query = nn.Embedding(num_queries, feat_channels)
        self.learnable_query = nn.Embedding(num_queries, feat_channels)
        self.generator = _layers(
            generator, feat_channels, num_heads, generator_channels,
            bias=False)
        self.decoder = _layers(
            decoder, feat_channels, num_heads, ffn_channels,
            attn_drop=dropout, proj_drop=dropout)
        self.mixer = AudioVisualMixer(feat_channels, num_heads)
        widths = [num_queries, ffn_channels, ffn_channels, feat_channels]
        self.product_mlp = nn.Sequential()
        for width, following in zip(widths, widths[1:]):
            self.product_mlp.append(nn.Conv2d(width, following, 1))
            self.product_mlp.append(nn.ReLU(inplace=True))
        del self.product_mlp[-1]
        self.before_last = nn.Conv2d(
            feat_channels, mid_channels, 3, padding=1)
        self.last = nn.Conv2d(mid_channels, channels, 3, padding=1)
        self.conv_seg = nn.Conv2d(channels, self.out_channels, 1, bias=False)
        self.loss_mix = loss_mix and MODELS.build(loss_mix)

    def init_weights(self) -> None:
        """Xavier for all matrices, as in the authors' release."""
        if self.is_init:
            return
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        nn.init.normal_(self.pixel_decoder.level_encoding.weight)
        for module in self.modules():
            if isinstance(module, MultiScaleDeformableAttention):
                module.init_weights()
        self._is_init = True

    def encode_image(self, x: Sequence[Tensor]) -> AVSegFormerMemory:
        """Encode the backbone's features, as far as no sound matters."""
        # No autocast: mmcv casts deformable attention's sampling locations to
        # the features' type, and half precision is too coarse for them.
        dtype = self.audio_query.weight.dtype
        with torch.autocast(x[0].device.type, enabled=False):
            mask_features, levels = self.pixel_decoder(
                [level.to(dtype) for level in x])
        return AVSegFormerMemory(
            mask_features,
            torch.cat([level.flatten(2) for level in levels],
                      2).transpose(1, 2))

    def decode(self, memory: AVSegFormerMemory,
               prompt: AudioTextPrompt) -> Tuple[Tensor, Tensor]:
        """Logits (B, K, H, W), and the mixed mask features (B, C, H/4, W/4).
        """
        audio = prompt.features
        query = self.audio_query.weight.expand(len(audio), -1, -1)
        for layer in self.generator:
            query = layer(query, key=audio, value=audio)
        query = query + self.learnable_query.weight
        for layer in self.decoder:
            query = layer(query, key=memory.tokens, value=memory.tokens)
        mixed = self.mixer(memory.mask_features, audio)
        products = torch.einsum('bqc,bchw->bqhw', query, mixed)
        x = self.before_last(mixed + self.product_mlp(products))
        x = F.interpolate(
            x, scale_factor=4, mode='bilinear',
            align_corners=self.align_corners)
        return self.cls_seg(self.last(x).relu()), mixed

    def forward(self, x: Sequence[Tensor], prompt: AudioTextPrompt) -> Tensor:
        """Logits of the backbone's features, (B, K, H, W)."""
        return self.decode(self.encode_image(x), prompt)[0]

    def loss(self, inputs: Sequence[Tensor], batch_data_samples: SampleList,
             train_cfg: ConfigType, prompt: AudioTextPrompt) -> dict:
        """Losses of the masks and, if it is set, of the mixer."""
        logits, mixed = self.decode(self.encode_image(inputs), prompt)
        losses = self.loss_by_feat(logits, batch_data_samples)
        if self.out_channels == 1:
            del losses['acc_seg']  # it is the background's share
        if self.loss_mix is not None:
            labels = self._stack_batch_gt(batch_data_samples)
            mask = F.interpolate(
                mixed.mean(1, keepdim=True), labels.shape[2:],
                mode='bilinear', align_corners=self.align_corners)
            losses['loss_mix'] = self.loss_mix(
                mask, labels[:, 0], ignore_index=self.ignore_index)
        return losses

    def predict(self, inputs: AVSegFormerMemory, batch_img_metas: List[dict],
                test_cfg: ConfigType, prompt: AudioTextPrompt) -> Tensor:
        """Logits at the images' size, of what :meth:`encode_image` gave."""
        return self.predict_by_feat(
            self.decode(inputs, prompt)[0], batch_img_metas)
