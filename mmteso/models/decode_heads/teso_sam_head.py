# Copyright (c) mmteso contributors. All rights reserved.
import math
from typing import List, NamedTuple, Optional, Tuple, Union

import torch
import torch.nn.functional as F
from mmcv.ops import point_sample
from mmdet.models.utils import get_uncertain_point_coords_with_randomness
from mmseg.registry import MODELS
from mmseg.utils import ConfigType, SampleList
from torch import Tensor, nn

from mmteso.structures import AudioTextPrompt
from ..prompting import at_least_float32
from ..sam import import_sam, load_sam_part, make_config
from ..weights import PretrainedModule

IGNORED = 255


class SAMMemory(NamedTuple):
    """What SAM's mask decoder reads of an image, whatever the prompt.

    Attributes:
        image (Tensor): Image embedding plus the "no mask" embedding,
            (B, C, h, w).
        pos (Tensor): Its positional encoding, (B, C, h, w).
    """
    image: Tensor
    pos: Tensor


@MODELS.register_module()
class TeSOSAMHead(PretrainedModule):
    """SAM's mask decoder whose tokens are prompted by sound and text.

    TeSO-SAM; the paper says little of how, what is ours is marked. The output
    tokens of SAM's decoder (one for the predicted IoU, four for masks) are F_Q
    of PMQS (paper 3.4): they attend to the sounding object features before
    they enter the *unchanged* two-way transformer. SAM gives its tokens a
    second time to each layer as their positions, and gets the prompted ones
    there too (ours). There are no points, boxes or masks as prompts, only
    SAM's "no mask" embedding. One mask is the output, as a logit: SAM has no
    classes, and eq. 8 here is without its class loss. Without ``pmqs`` the
    head computes what transformers' ``SamModel`` does without prompts.

    The network is transformers' ``SamMaskDecoder``. The IoU head is never
    used, nor are the hypernetworks of mask tokens that are not the output:
    they are frozen.

    Args:
        decoder_config (dict, optional): Fields of ``SamMaskDecoderConfig``
            that are not transformers' defaults, which are those of all three
            SAMs. Defaults to None.
        pmqs (dict, optional): Config of :class:`PMQS`. Defaults to None: the
            tokens stay as they are, and sound has no effect.
        mask_token (int): Whose mask is the output: 0, the token that SAM uses
            for a single mask, or 1 to 3, those that it uses for three masks
            of an ambiguous prompt. Defaults to 0.
        num_points (int): Points of the mask at which the losses are taken,
            drawn as in Mask2Former. Defaults to 12544 (Mask2Former).
        oversample_ratio (float): See Mask2Former. Defaults to 3.0.
        importance_sample_ratio (float): See Mask2Former. Defaults to 0.75.
        threshold (float): Score above which a pixel is sounding. Defaults to
            0.5.
        loss_mask (dict, optional): Config of the loss per point, on logits.
            Defaults to None: binary cross entropy, weight 5.
        loss_dice (dict, optional): Config of the loss per mask. Defaults to
            None: Mask2Former's dice loss, weight 5.
        init_cfg (dict, optional): Where the weights are, as for
            :class:`SAMImageEncoder`. Defaults to None: random weights.

    Raises:
        ImportError: If transformers is not installed.
        ValueError: If an argument is none of those above.
    """

    takes_prompt = True  # see TeSOHead
    num_classes = 2  # background, sounding
    out_channels = 1
    align_corners = False

    def __init__(self,
                 decoder_config: Optional[dict] = None,
                 pmqs: Optional[dict] = None,
                 mask_token: int = 0,
                 num_points: int = 12544,
                 oversample_ratio: float = 3.0,
                 importance_sample_ratio: float = 0.75,
                 threshold: float = 0.5,
                 loss_mask: Optional[dict] = None,
                 loss_dice: Optional[dict] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        config = make_config('SamMaskDecoderConfig', decoder_config)
        self.decoder_config = config
        self.mask_decoder = import_sam().SamMaskDecoder(config)
        self.no_mask_embed = nn.Embedding(1, config.hidden_size)
        # SAM's random Fourier features; a buffer, as in Meta's code
        self.register_buffer('positional_embedding',
                             torch.randn(2, config.hidden_size // 2))
        self.pmqs = MODELS.build(pmqs) if pmqs is not None else None

        mlps = self.mask_decoder.output_hypernetworks_mlps
        if mask_token not in range(len(mlps)):
            raise ValueError(f'mask_token must be one of 0 to {len(mlps) - 1},'
                             f' but got {mask_token!r}')
        self.mask_token = mask_token
        # What takes no part in the loss must not wait for a gradient in DDP.
        self.mask_decoder.iou_prediction_head.requires_grad_(False)
        for i, mlp in enumerate(mlps):
            mlp.requires_grad_(i == mask_token)
        self.num_points = num_points
        self.oversample_ratio = oversample_ratio
        self.importance_sample_ratio = importance_sample_ratio
        self.threshold = threshold
        self.loss_mask = MODELS.build(loss_mask or dict(
            type='mmdet.CrossEntropyLoss', use_sigmoid=True, loss_weight=5.0))
        self.loss_dice = MODELS.build(loss_dice or dict(
            type='mmdet.DiceLoss',
            use_sigmoid=True,
            activate=True,
            naive_dice=True,
            eps=1.0,
            loss_weight=5.0))

    def load_pretrained(self, folder: str) -> None:
        """Read the weights of a folder."""
        sam = load_sam_part(self.mask_decoder, self.decoder_config, folder,
                            'mask_decoder')
        self.no_mask_embed.load_state_dict(
            sam.prompt_encoder.no_mask_embed.state_dict())
        self.positional_embedding.copy_(
            sam.shared_image_embedding.positional_embedding.detach())

    def encode_image(self, x: Tuple[Tensor]) -> SAMMemory:
        """Prepare what does not depend on the prompt.

        Args:
            x (tuple[Tensor]): Features; the last one, (B, C, h, w), is SAM's
                image embedding.
        """
        image = x[-1] + self.no_mask_embed.weight[..., None, None]
        pos = self.positional_encoding(*image.shape[2:])
        return SAMMemory(image, pos.expand(len(image), -1, -1, -1))

    def positional_encoding(self, height: int, width: int) -> Tensor:
        """SAM's encoding of places, (1, C, h, w): sines, then cosines."""
        # No autocast: the random frequencies are too high for half precision.
        matrix = at_least_float32(self.positional_embedding)
        with torch.autocast(matrix.device.type, enabled=False):
            rows, columns = (
                (torch.arange(size, device=matrix.device).to(matrix) + 0.5) /
                size for size in (height, width))
            places = torch.stack(
                torch.meshgrid(columns, rows, indexing='xy'), dim=-1)
            phases = 2 * math.pi * ((2 * places - 1) @ matrix)
            waves = torch.cat([phases.sin(), phases.cos()], dim=-1)
        return waves.permute(2, 0, 1)[None].to(self.positional_embedding)

    def decode(self,
               memory: SAMMemory,
               prompt: Optional[AudioTextPrompt] = None) -> Tensor:
        """Prompt the tokens and decode the mask.

        Args:
            memory (SAMMemory): From :meth:`encode_image`.
            prompt (AudioTextPrompt, optional): Required with ``pmqs``,
                ignored without. Defaults to None.

        Returns:
            Tensor: Logits of "a sounding object is here", (B, 1, 4 h, 4 w).
        """
        decoder = self.mask_decoder
        batch_size, channels, height, width = memory.image.shape
        tokens = torch.cat(
            [decoder.iou_token.weight, decoder.mask_tokens.weight])
        tokens = self.prompt_tokens(
            tokens.expand(batch_size, -1, -1), memory, prompt)
        tokens, image = decoder.transformer(
            point_embeddings=tokens[:, None],  # one prompt an image
            image_embeddings=memory.image,
            image_positional_embeddings=memory.pos,
            attention_similarity=None)[:2]
        image = image.transpose(2, 3).reshape(batch_size, channels, height,
                                              width)
        image = decoder.upscale_layer_norm(decoder.upscale_conv1(image))
        image = decoder.upscale_conv2(decoder.activation(image))
        image = decoder.activation(image)
        mlp = decoder.output_hypernetworks_mlps[self.mask_token]
        filters = mlp(tokens[:, 0, 1 + self.mask_token])
        return torch.einsum('bc,bchw->bhw', filters, image)[:, None]

    def prompt_tokens(self, tokens: Tensor, memory: SAMMemory,
                      prompt: Optional[AudioTextPrompt]) -> Tensor:
        """Bring the prompt to the output tokens (B, N, C); a subclass may
        append tokens to them.
        """
        return tokens if self.pmqs is None else self.pmqs(tokens, prompt)

    def forward(self,
                x: Union[Tuple[Tensor], SAMMemory],
                batch_data_samples: Optional[SampleList] = None,
                prompt: Optional[AudioTextPrompt] = None) -> Tensor:
        """:meth:`decode`, of what is encoded already or is encoded here."""
        if not isinstance(x, SAMMemory):
            x = self.encode_image(x)
        return self.decode(x, prompt)

    def loss(self,
             x: Tuple[Tensor],
             batch_data_samples: SampleList,
             train_cfg: ConfigType,
             prompt: Optional[AudioTextPrompt] = None) -> dict:
        """Segmentation losses (paper eq. 8 without its class loss).

        The samples have ``gt_sem_seg``, 0 background, 1 sounding, 255 ignored.
        """
        logits = self(x, batch_data_samples, prompt)
        return self.loss_by_feat(logits, batch_data_samples)

    def loss_by_feat(self, seg_logits: Tensor,
                     batch_data_samples: SampleList) -> dict:
        """Losses of mask logits (B, 1, h, w).

        Each frame counts alike, whatever of it is ignored; a silent frame has
        an empty mask, and both losses push its prediction to blank.

        Raises:
            ValueError: If a label is none of 0, 1 and 255.
        """
        labels = torch.stack(
            [sample.gt_sem_seg.data for sample in batch_data_samples])
        valid = labels != IGNORED
        if (labels[valid] > 1).any():
            raise ValueError(
                'TeSOSAMHead segments what sounds, without classes, but a '
                f'label is {labels[valid].max().item()}: set task=\'binary\' '
                'in the data set')
        seg_logits = at_least_float32(seg_logits)
        target = (labels == 1).to(seg_logits)
        with torch.no_grad():
            points = get_uncertain_point_coords_with_randomness(
                seg_logits, None, self.num_points, self.oversample_ratio,
                self.importance_sample_ratio)
        logits, target, valid = (
            point_sample(item, points).squeeze(1)
            for item in (seg_logits, target, valid.to(seg_logits)))
        valid = valid >= 0.5
        weight = valid / valid.sum(1, keepdim=True).clamp(min=1)
        count = len(logits)
        # an ignored pixel is neither predicted nor labelled
        lowest = torch.finfo(logits.dtype).min
        with torch.autocast(logits.device.type, enabled=False):
            return dict(
                loss_mask=self.loss_mask(
                    logits.flatten(),
                    target.flatten(),
                    weight=weight.flatten(),
                    avg_factor=count),
                loss_dice=self.loss_dice(
                    logits.masked_fill(~valid, lowest),
                    target * valid,
                    avg_factor=count))

    def predict(self,
                x: Union[Tuple[Tensor], SAMMemory],
                batch_img_metas: List[dict],
                test_cfg: ConfigType,
                prompt: Optional[AudioTextPrompt] = None) -> Tensor:
        """Mask logits at the size of the images.

        One channel, as mmseg's binary heads have it: its post-processing
        takes the sigmoid, so that :class:`AudioTextSegmentor` finds the score
        in ``seg_logits``, and compares it with :attr:`threshold`.

        Args:
            x (tuple[Tensor] | SAMMemory): Backbone features, or what
                :meth:`encode_image` made of them.
            batch_img_metas (list[dict]): ``pad_shape`` or ``img_shape`` is the
                size of the result.
            test_cfg (dict): Unused, as in mmseg.
            prompt (AudioTextPrompt, optional): See :meth:`decode`.

        Returns:
            Tensor: (B, 1, H, W), in float32 at least.
        """
        logits = at_least_float32(self(x, prompt=prompt))
        meta = batch_img_metas[0]
        size = meta.get('pad_shape', meta['img_shape'])[:2]
        return F.interpolate(
            logits, size=size, mode='bilinear', align_corners=False)
