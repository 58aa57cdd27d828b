# Copyright (c) mmteso contributors. All rights reserved.
from typing import Optional, Tuple

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from mmseg.utils import ConfigType, SampleList
from torch import Tensor

from mmteso.models.clips import same_clip
from mmteso.models.decode_heads import SAMMemory, TeSOSAMHead
from mmteso.models.decode_heads.teso_sam_head import IGNORED
from mmteso.models.prompting import at_least_float32
from mmteso.structures import AudioTextPrompt
from .cola import add_cola
from .sap import SemanticAwareAudioPrompt


@MODELS.register_module()
class GAVSHead(TeSOSAMHead):
    """Audio Source Decoder of GAVS (Wang et al., AAAI 2024).

    SAM's mask decoder. Sound and picture become tokens
    (:class:`SemanticAwareAudioPrompt`) where a point or box would, and the
    two-way transformer, with an adapter behind the MLP of each layer, lets
    tokens and image attend to each other.

    It reads the last of the features, a map of any stride, and its masks are
    four times as fine. Frames are independent of each other but in
    ``loss_align``.

    Args:
        audio_dims (int): Channels of the sound. Defaults to 128.
        sap (dict, optional): ``hidden_dims`` and ``num_noise`` of
            :class:`SemanticAwareAudioPrompt`. Defaults to None: its defaults.
        adapter_ratio (int): See :func:`add_cola`. Defaults to 2: 128 of 256
            channels (release).
        loss_decode (dict, optional): Loss of the masks. Defaults to None:
            the paper's binary cross entropy, over all labelled pixels.
        loss_align (dict, optional): Config of
            :class:`AudioVisualTripletLoss`. Defaults to None: no such loss.
        **kwargs: ``decoder_config``, ``mask_token``, ``threshold`` and
            ``init_cfg`` of :class:`mmteso.models.decode_heads.TeSOSAMHead`.
    """

    def __init__(self,
                 audio_dims: int = 128,
                 sap: Optional[ConfigType] = None,
                 adapter_ratio: int = 2,
                 loss_decode: Optional[ConfigType] = None,
                 loss_align: Optional[ConfigType] = None,
                 **kwargs) -> None:
        super().__init__(
            loss_mask=loss_decode or dict(
                type='CrossEntropyLoss',
                use_sigmoid=True,
                avg_non_ignore=True),
            **kwargs)
        del self.loss_dice  # the paper has none
        self.sap = SemanticAwareAudioPrompt(
            audio_dims, self.decoder_config.hidden_size, **(sap or {}))
        add_cola(self.mask_decoder.transformer.layers, adapter_ratio)
        self.loss_align = loss_align and MODELS.build(loss_align)

    def prompt_tokens(self, tokens: Tensor, memory: SAMMemory,
                      prompt: Optional[AudioTextPrompt]) -> Tensor:
        """The output tokens, then those of the prompt."""
        return torch.cat(
            [tokens, self.sap(memory.image, prompt.features[:, 0])[0]], dim=1)

    def loss(self, x: Tuple[Tensor], batch_data_samples: SampleList,
             train_cfg: ConfigType, prompt: AudioTextPrompt) -> dict:
        """Losses of the masks and, if it is set, of the cues.

        The samples have ``gt_sem_seg``, 0 background, 1 sounding, 255 ignored.
        """
        memory = self.encode_image(x)
        labels = torch.cat(
            [sample.gt_sem_seg.data for sample in batch_data_samples])
        logits = F.interpolate(
            at_least_float32(self.decode(memory, prompt)),
            labels.shape[1:],
            mode='bilinear',
            align_corners=False)
        losses = dict(
            loss_mask=self.loss_mask(logits, labels, ignore_index=IGNORED))
        if self.loss_align is not None:
            audio = prompt.features[:, 0]
            cue = self.sap(memory.image, audio)[1]
            clips = same_clip(
                [sample.metainfo for sample in batch_data_samples])
            losses['loss_align'] = self.loss_align(
                audio, cue, clips.to(labels.device),
                (labels == 1).flatten(1).any(1))
        return losses
