# Copyright (c) mmteso contributors. All rights reserved.
from dataclasses import replace
from typing import List

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.structures import AudioTextPrompt
from ..clips import same_clip
from .attention import CrossAttention
from .sedam import SeDAM


@MODELS.register_module()
class ClipSeDAM(SeDAM):
    """SeDAM whose features attend over the seconds of their clip (ours).

    Each frame's sound is encoded, and its cues are scored and selected, as by
    :class:`SeDAM`. Then the sounding object features of a frame, and its "no
    cue" key, attend to those of all frames of their clip that are in the
    batch; features that a frame's mask removes are seen by no other frame.
    Near seconds count more: a key that is t frames away has the weight
    ``exp(-rate * t)``, with a learned rate. What is attended enters by a gate
    for each channel that starts at zero, so that training begins with SeDAM.

    Batches of whole clips are made by :class:`ClipBatchSampler`. A frame that
    is alone in its batch attends to itself.

    Args:
        **kwargs: See :class:`SeDAM`; ``num_heads`` is that of this attention,
            too.
    """

    reads = ('audio', 'text', 'clip')

    def __init__(self, num_heads: int = 8, **kwargs) -> None:
        super().__init__(num_heads=num_heads, **kwargs)
        self.clip_attn = CrossAttention(self.embed_dims, num_heads)
        self.gamma = nn.Parameter(torch.zeros(self.embed_dims))
        # half the weight at a distance of about two frames
        self.log_rate = nn.Parameter(torch.tensor(-1.))

    def forward(self, audio: Tensor, text: Tensor, valid: Tensor,
                metas: List[dict]) -> AudioTextPrompt:
        """Encode a batch of clips' sounds and cues.

        Args:
            audio (Tensor): F_A, (B, audio_dims).
            text (Tensor): F_T, (B, N_T, text_dims); padding rows are zero.
            valid (Tensor): Which cues are real, bool (B, N_T).
            metas (list[dict]): Metainfo of the B frames; ``uid`` tells whose
                clip a frame is of, ``frame`` which.

        Returns:
            AudioTextPrompt: The prompt for a decode head.
        """
        prompt = super().forward(audio, text, valid)
        same = same_clip(metas).to(audio.device)
        # half precision, which the sound may have, can't count frames
        frames = torch.tensor(
            [meta.get('frame', 0) for meta in metas],
            dtype=torch.promote_types(audio.dtype, torch.float32),
            device=audio.device)
        distance = (frames[:, None] - frames).abs()
        weight = torch.exp(-self.log_rate.exp() * distance) * same
        keys, num_keys = prompt.keys, prompt.keys.shape[1]
        # (B * K queries, B * K keys), as one sequence
        gate = weight[:, None, :, None] * prompt.key_gate.float()
        gate = gate.expand(-1, num_keys, -1, -1).flatten(2).flatten(0, 1)
        sequence = keys.flatten(0, 1)[None]
        attended, _ = self.clip_attn(sequence, sequence, gate[None])
        keys = keys + self.gamma * attended.view_as(keys)
        return replace(prompt, no_cue=keys[:, 0], features=keys[:, 1:])
