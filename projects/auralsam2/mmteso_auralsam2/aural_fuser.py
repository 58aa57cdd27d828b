# Copyright (c) mmteso contributors. All rights reserved.
from typing import List, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.models.backbones.mit import TransformerEncoderLayer
from mmseg.registry import MODELS
from torch import Tensor, nn

from .sam2 import sam2

STRIDE = 16  # of the prompts, as of SAM 2's image embedding


class AudioVisualFusion(nn.Module):
    """Each pixel asks the sound, and the sound the pixels.

    Attention by dot products without a softmax (TPAVI of AVSBench), both ways,
    each with a batch norm that starts at zero, a residual and a layer norm.

    Args:
        channels (int): C.
        joint (bool): See :class:`AuralFuser`.
    """

    def __init__(self, channels: int, joint: bool = False) -> None:
        super().__init__()
        self.joint, half = joint, channels // 2
        self.align_channel = nn.Conv1d(channels, channels, 1)
        for name in ('q', 'k', 'v'):
            for part in ('frame', 'audio'):
                setattr(self, f'{name}_{part}', nn.Conv1d(channels, half, 1))
        self.W_z = nn.Sequential(
            nn.Conv1d(half, channels, 1), nn.BatchNorm1d(channels))
        self.W_z2 = nn.Sequential(
            nn.Conv1d(half, channels, 1), nn.BatchNorm1d(channels))
        for norm in (self.W_z[1], self.W_z2[1]):
            nn.init.zeros_(norm.weight)
        self.norm_layer = nn.LayerNorm(channels)
        self.norm_layer2 = nn.LayerNorm(channels)

    def forward(self, x: Tensor, audio: Tensor) -> Tuple[Tensor, Tensor]:
        """Pixels (B, N, C) and the sound (B, C) -> the same, fused."""
        audio = self.align_channel(audio[..., None])
        pixels = x.transpose(1, 2)
        frames = [conv(pixels)
                  for conv in (self.q_frame, self.k_frame, self.v_frame)]
        sounds = [conv(audio)
                  for conv in (self.q_audio, self.k_audio, self.v_audio)]
        if self.joint:
            # all frames at once, and channels for pixels
            (q, k, v), (q_audio, k_audio, v_audio) = (
                [part.reshape(1, -1, len(part[0])) for part in parts]
                for parts in (frames, sounds))
        else:
            (q, k, v), (q_audio, k_audio, v_audio) = (
                [part.transpose(1, 2) for part in parts]
                for parts in (frames, sounds))
        # by the number of keys; the release divides both by the pixels'
        keys = q.shape[1] if self.joint else k_audio.shape[1]
        heard = q @ k_audio.transpose(1, 2) / keys @ v_audio
        seen = q_audio @ k.transpose(1, 2) / k.shape[1] @ v
        heard = heard.transpose(1, 2).reshape(frames[0].shape)
        seen = seen.transpose(1, 2).reshape(sounds[0].shape)
        x = self.norm_layer(x + self.W_z(heard).transpose(1, 2))
        audio = self.norm_layer2((audio + self.W_z2(seen))[..., 0])
        return x, audio


def _projection(channels: int, dims: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(channels, dims, 1), nn.BatchNorm1d(dims),
        nn.Conv1d(dims, dims, 1))


@MODELS.register_module()
class AuralFuser(BaseModule):
    """AuralFuser of AuralSAM2: prompts of a sound, from a pyramid of an image.

    From fine to coarse, each level of the pyramid is brought to a stride of
    16 and joined with what the one before gave; transformer layers work on its
    pixels and on the sound; then the two ask each other
    (:class:`AudioVisualFusion`). What comes out at each level is a dense
    prompt (the pixels) and a sparse one (the sound).

    Args:
        channels (int): C of the pyramid and of the sound. Defaults to 256.
        depths (Sequence[int]): Layers on the pixels of each level, fine to
            coarse. Defaults to (3, 6, 12).
        audio_depth (int): Layers on the sound at each level. Defaults to 3.
        num_heads (int): Defaults to 4.
        mlp_ratio (int): Defaults to 4.
        sr_ratio (int): By how much keys and values of the pixels are reduced
            in height and width. Defaults to 4.
        dropout (float): Defaults to 0.1.
        projection_dims (int): Of the embeddings for the contrastive loss.
            Defaults to 128.
        joint (bool): Compute as the authors' release does, with which its
            checkpoints were trained: the frames of a batch are one clip, and
            their sounds attend to one another; in the fusion, the channels of
            a map stand where one expects its pixels. Defaults to False: each
            frame by itself, each pixel by its own features.
    """

    def __init__(self,
                 channels: int = 256,
                 depths: Sequence[int] = (3, 6, 12),
                 audio_depth: int = 3,
                 num_heads: int = 4,
                 mlp_ratio: int = 4,
                 sr_ratio: int = 4,
                 dropout: float = 0.1,
                 projection_dims: int = 128,
                 joint: bool = False) -> None:
        super().__init__()
        self.embed_dims, self.joint = channels, joint
        hidden = mlp_ratio * channels
        strides = [STRIDE // 4 >> i for i in range(len(depths))]
        self.patch_embeds = nn.ModuleList(
            nn.Conv2d(channels, channels, stride, stride)
            for stride in strides)
        self.f_blocks = nn.ModuleList(
            nn.ModuleList(
                TransformerEncoderLayer(
                    channels,
                    num_heads,
                    hidden,
                    drop_rate=dropout,
                    attn_drop_rate=dropout,
                    sr_ratio=sr_ratio) for _ in range(depth))
            for depth in depths)
        self.a_blocks = nn.ModuleList(
            nn.ModuleList(
                nn.TransformerEncoderLayer(
                    channels,
                    num_heads,
                    hidden,
                    dropout,
                    activation='gelu',
                    batch_first=True,
                    norm_first=True) for _ in range(audio_depth))
            for _ in depths)
        self.fusion_modules = nn.ModuleList(
            AudioVisualFusion(channels, joint) for _ in depths)
        self.smooth_convs = nn.ModuleList(
            nn.Conv2d(channels, channels, 1) for _ in depths[1:])
        self.position = sam2.Sam2SinePositionEmbedding(
            channels // 2, normalize=True)
        self.train_proj_v1 = _projection(channels, projection_dims)
        self.train_proj_a1 = _projection(channels, projection_dims)

    def init_weights(self) -> None:
        """As they are built: nothing here is pretrained."""

    def forward(self, pyramid: Sequence[Tensor],
                audio: Tensor) -> Tuple[List[Tensor], List[Tensor]]:
        """Fuse.

        Args:
            pyramid (Sequence[Tensor]): Maps (B, C, h_i, w_i) of strides 4, 8
                and 16.
            audio (Tensor): (B, C).

        Returns:
            tuple[list[Tensor], list[Tensor]]: Dense prompts (B, N, C), N the
            pixels of the last map, and sparse ones (B, C), fine to coarse.
        """
        x, dense, sparse = None, [], []
        # the sound is one token, at place 0
        place = torch.arange(audio.shape[1], device=audio.device) % 2
        place = place.to(audio)
        for i, level in enumerate(pyramid):
            level = self.patch_embeds[i](level)
            size = level.shape[2:]
            if x is not None:
                level = level + x.transpose(1, 2).reshape(level.shape)
                level = self.smooth_convs[i - 1](level)
            pos = self.position(level.shape, level.device, level.dtype)
            pos = pos.flatten(2).transpose(1, 2)
            x = level.flatten(2).transpose(1, 2) + pos
            for layer in self.f_blocks[i]:
                x = layer(x, size)
            tokens = (audio + place)[None if self.joint else slice(None)]
            tokens = tokens if self.joint else tokens[:, None]
            for layer in self.a_blocks[i]:
                tokens = layer(tokens)
            x, audio = self.fusion_modules[i](
                x + pos, tokens.reshape(audio.shape) + place)
            dense.append(x)
            sparse.append(audio)
        return dense, sparse

    def project(
            self, dense: Sequence[Tensor],
            sparse: Sequence[Tensor]) -> Tuple[List[Tensor], List[Tensor]]:
        """Embeddings for the contrastive loss, of length 1: (B, N, D) and
        (B, D) by level.
        """
        pixels = [
            F.normalize(self.train_proj_v1(x.transpose(1, 2)), dim=1)
            for x in dense
        ]
        sounds = [
            F.normalize(self.train_proj_a1(x[..., None]), dim=1)[..., 0]
            for x in sparse
        ]
        return [x.transpose(1, 2) for x in pixels], sounds
