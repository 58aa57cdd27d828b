# Copyright (c) mmteso contributors. All rights reserved.
from typing import List, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmdet.models.losses.dice_loss import dice_loss
from mmdet.models.losses.focal_loss import py_sigmoid_focal_loss
from mmseg.registry import MODELS
from mmseg.utils import ConfigType, SampleList
from torch import Tensor, nn

from mmteso.models.decode_heads import TeSOSAMHead
from mmteso.models.prompting import at_least_float32
from mmteso.models.weights import PretrainedModule, load_part
from mmteso.structures import AudioTextPrompt
from .sam2 import check_same, make_config, read_sam2_folder, sam2

IGNORED = 255


@MODELS.register_module()
class StereoPrompt(nn.Module):
    """The audio encoder's feature as :class:`AuralFuser` takes it.

    The authors encode the left channel and the right one. mmteso's sound is
    mono: it stands in both places.

    Args:
        audio_dims (int): Channels of the feature. Defaults to 128, VGGish's.
        embed_dims (int, optional): C of the fuser; a linear layer makes them.
            Defaults to None: twice ``audio_dims``, without one.
    """

    reads = ('audio', )

    def __init__(self,
                 audio_dims: int = 128,
                 embed_dims: Optional[int] = None) -> None:
        super().__init__()
        self.audio_dims = audio_dims
        self.embed_dims = embed_dims or 2 * audio_dims
        self.proj = embed_dims and nn.Linear(audio_dims, embed_dims)

    def forward(self,
                audio: Tensor,
                text: Optional[Tensor] = None,
                valid: Optional[Tensor] = None) -> AudioTextPrompt:
        """(B, audio_dims) -> a prompt of one feature, (B, 1, C)."""
        features = self.proj(audio) if self.proj else audio.repeat(1, 2)
        return AudioTextPrompt(features[:, None], torch.zeros_like(features),
                               audio.new_ones(len(audio), 1))


class PromptedTransformer(sam2.Sam2TwoWayTransformer):
    """SAM 2's two-way transformer with prompts at each of its layers.

    Before each layer, and before the last attention, a sparse prompt is added
    to the mask tokens and a dense one to the pixels. SAM 2 gives its tokens a
    second time as their positions: these have the first prompt, too.
    """

    def forward(  # type: ignore[override]
            self, point_embeddings: Tensor, image_embeddings: Tensor,
            image_positional_embeddings: Tensor, attention_similarity: None,
            target_embedding: None, dense: Sequence[Tensor],
            sparse: Sequence[Tensor]) -> Tuple[Tensor, Tensor]:
        """As transformers'; ``dense`` (B, N, C) and ``sparse`` (B, C), one
        more than there are layers.
        """
        # tokens: object score, IoU, masks
        prompts = [
            F.pad(x[:, None, None].expand(-1, -1, point_embeddings.shape[2] -
                                          2, -1), (0, 0, 2, 0))
            for x in sparse
        ]
        pixels = image_embeddings.flatten(2).transpose(1, 2)[:, None]
        places = image_positional_embeddings.flatten(2).transpose(1, 2)[:,
                                                                        None]
        tokens = queries = point_embeddings + prompts[0]
        for i, layer in enumerate(self.layers):
            queries, pixels, _ = layer(
                queries=queries,
                keys=pixels + dense[i][:, None],
                query_point_embedding=tokens,
                key_point_embedding=places,
                attention_similarity=None)
            queries = queries + prompts[i + 1]
        pixels = pixels + dense[-1][:, None]
        found, _ = self.final_attn_token_to_image(
            query=queries + tokens, key=pixels + places, value=pixels)
        return self.layer_norm_final_attn(queries + found), pixels


@MODELS.register_module()
class AuralSAM2Head(PretrainedModule):
    """SAM 2's mask decoder, prompted by sound (AuralSAM2, Liu et al., 2025).

    An :class:`AuralFuser` makes sparse and dense prompts of the sound and the
    pyramid of the image; the decoder gets them layer by layer, the coarsest
    level's first (:class:`PromptedTransformer`). It makes three masks, and the
    one of the highest predicted IoU is the output. Frames have no memory of
    others.

    Args:
        fuser (dict): Config of :class:`AuralFuser`.
        decoder_config (dict, optional): Fields of ``Sam2MaskDecoderConfig``
            that are not transformers' defaults. Its layers are one less than
            the fuser's levels. Defaults to None.
        loss_contrast (dict, optional): Config of
            :class:`AudioContrastiveLoss`. Defaults to None: no such loss.
        loss_weights (Sequence[float]): Of the masks' focal loss and dice loss,
            the predicted IoUs, and the score of whether anything sounds.
            Defaults to (20, 1, 1, 1).
        silent_masks (bool): Whether masks and IoUs are taught where nothing
            sounds. Defaults to False, as in the authors' release: there only
            the score of whether anything sounds is, and masks don't
            depend on it.
        threshold (float): Score above which a pixel is sounding. Defaults to
            0.5.
        init_cfg (dict, optional): Where SAM 2's weights are, as for
            :class:`SAM2ImageEncoder`. Defaults to None: random weights.
    """

    takes_prompt = True  # see AudioTextSegmentor
    num_classes = 2  # background, sounding
    out_channels = 1
    align_corners = False
    # both read what this head has, too
    positional_encoding = TeSOSAMHead.positional_encoding
    predict = TeSOSAMHead.predict

    def __init__(self,
                 fuser: ConfigType,
                 decoder_config: Optional[dict] = None,
                 loss_contrast: Optional[dict] = None,
                 loss_weights: Sequence[float] = (20., 1., 1., 1.),
                 silent_masks: bool = False,
                 threshold: float = 0.5,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        config = make_config('Sam2MaskDecoderConfig', decoder_config)
        self.mask_decoder = sam2.Sam2MaskDecoder(config)
        self.mask_decoder.transformer = PromptedTransformer(config)
        self.no_mask_embed = nn.Embedding(1, config.hidden_size)
        self.no_memory_embed = nn.Embedding(1, config.hidden_size)
        self.register_buffer('positional_embedding',
                             torch.randn(2, config.hidden_size // 2))
        self.fuser = MODELS.build(fuser)
        self.loss_contrast = loss_contrast and MODELS.build(loss_contrast)
        self.loss_weights = tuple(loss_weights)
        self.silent_masks, self.threshold = silent_masks, threshold

    def load_pretrained(self, folder: str) -> None:
        """Read SAM 2's weights of a folder; the fuser keeps its own."""
        model = read_sam2_folder(folder)
        check_same('the mask decoder', self.mask_decoder.config,
                   model.config.mask_decoder_config, folder)
        load_part(self.mask_decoder, model.mask_decoder.state_dict(), folder)
        with torch.no_grad():
            self.no_mask_embed.weight.copy_(
                model.prompt_encoder.no_mask_embed.weight)
            self.no_memory_embed.weight.copy_(model.no_memory_embedding[0])
            self.positional_embedding.copy_(
                model.shared_image_embedding.positional_embedding)

    def encode_image(self, x: Sequence[Tensor]) -> Tuple[Tensor, ...]:
        """The pyramid as it is: the sound reaches every level of it."""
        return tuple(x)

    def decode(self, x: Sequence[Tensor],
               prompt: AudioTextPrompt) -> Tuple[Tensor, ...]:
        """Three masks and what is said of them.

        Args:
            x (Sequence[Tensor]): Maps (B, C, h_i, w_i) of strides 4, 8, 16.
            prompt (AudioTextPrompt): Of :class:`StereoPrompt`.

        Returns:
            tuple: Logits (B, 3, H/4, W/4), predicted IoUs (B, 3), logits of
            "anything sounds" (B), and the fuser's dense and sparse prompts.
        """
        dense, sparse = self.fuser(x, prompt.features[:, 0])
        decoder, image = self.mask_decoder, x[-1]
        masks, ious, _, score = decoder(
            image_embeddings=image +
            self.no_memory_embed.weight[..., None, None],
            image_positional_embeddings=self.positional_encoding(
                *image.shape[2:]),
            sparse_prompt_embeddings=image.new_empty(
                len(image), 1, 0, image.shape[1]),
            dense_prompt_embeddings=self.no_mask_embed.weight[..., None, None],
            multimask_output=True,
            high_resolution_features=[
                decoder.conv_s0(x[0]),
                decoder.conv_s1(x[1])
            ],
            dense=dense[::-1],
            sparse=sparse[::-1])
        return masks[:, 0], ious[:, 0], score[:, 0, 0], dense, sparse

    def forward(self, x: Sequence[Tensor], prompt: AudioTextPrompt) -> Tensor:
        """Logits of the mask of the highest predicted IoU, (B, 1, h, w)."""
        masks, ious = self.decode(x, prompt)[:2]
        return _pick(masks, ious.argmax(1))

    def loss(self, x: Sequence[Tensor], batch_data_samples: SampleList,
             train_cfg: ConfigType, prompt: AudioTextPrompt) -> dict:
        """Losses; the samples have ``gt_sem_seg``: 0, 1 (sounding) or 255."""
        masks, ious, score, dense, sparse = self.decode(x, prompt)
        labels = torch.cat(
            [sample.gt_sem_seg.data for sample in batch_data_samples])
        losses = self.loss_by_masks(masks, ious, score, labels)
        if self.loss_contrast is not None:
            size = x[-1].shape[2:]
            small = F.interpolate(labels[:, None].float(), size)
            best = F.interpolate(
                _pick(masks, ious.argmax(1)), size, mode='bilinear')
            losses['loss_contrast'] = self.loss_contrast(
                *self.fuser.project(dense, sparse),
                small.flatten(1).long(),
                ((best > 0) != (small == 1)).flatten(1))
        return losses

    def loss_by_masks(self, masks: Tensor, ious: Tensor, score: Tensor,
                      labels: Tensor) -> dict:
        """SAM 2's losses, means over the frames that are labelled.

        Of the three masks the best counts, by focal and dice loss; all
        predicted IoUs do.

        Args:
            masks (Tensor): Logits (B, 3, h, w).
            ious (Tensor): Predicted IoUs (B, 3).
            score (Tensor): Logits of "anything sounds" (B).
            labels (Tensor): (B, H, W), 0, 1 or 255.
        """
        masks = F.interpolate(
            at_least_float32(masks), labels.shape[1:], mode='bilinear')
        valid = (labels != IGNORED)[:, None]
        target = (labels == 1)[:, None].to(masks).expand_as(masks)
        # an ignored pixel is neither predicted nor labelled
        masks = masks.masked_fill(~valid, -1e4)
        focal = py_sigmoid_focal_loss(masks, target, reduction='none')
        focal = focal.flatten(2).sum(2) / valid.flatten(2).sum(2).clamp(min=1)
        dice = dice_loss(
            masks.sigmoid().flatten(0, 1),
            target.flatten(0, 1),
            eps=1.,
            reduction='none',
            naive_dice=True).view_as(focal)
        with torch.no_grad():
            found, truth = (masks > 0).flatten(2), (target > 0).flatten(2)
            union = (found | truth).sum(2)
            # of two blank masks 1
            overlap = ((found & truth).sum(2) + (union == 0)) / union.clamp(
                min=1)
        w_focal, w_dice, w_iou, w_score = self.loss_weights
        best = (w_focal * focal + w_dice * dice).argmin(1, keepdim=True)
        iou = (at_least_float32(ious) - overlap).abs().mean(1)
        sounds = (labels == 1).flatten(1).any(1)
        object_loss = F.binary_cross_entropy_with_logits(
            at_least_float32(score), sounds.to(masks), reduction='none')
        known = valid.flatten(1).any(1)
        taught = known if self.silent_masks else known & sounds
        count = known.sum().clamp(min=1)
        return {
            f'loss_{name}': weight * (value * frames).sum() / count
            for name, weight, value, frames in (
                ('mask', w_focal, focal.gather(1, best)[:, 0], taught),
                ('dice', w_dice, dice.gather(1, best)[:, 0], taught),
                ('iou', w_iou, iou, taught),
                ('object', w_score, object_loss, known))
        }


def _pick(masks: Tensor, index: Tensor) -> Tensor:
    """Of (B, M, h, w) one mask a frame, (B, 1, h, w)."""
    rows: List[int] = list(range(len(masks)))
    return masks[rows, index][:, None]
