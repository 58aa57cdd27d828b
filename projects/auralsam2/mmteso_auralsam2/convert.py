# Copyright (c) mmteso contributors. All rights reserved.
"""The authors' checkpoints under the names that the model has here.

Source of their layout: ``avs.code`` of yyliu01/AuralSAM2 at 64a16dd.
"""
import re
from typing import Dict, Mapping

import torch
from torch import Tensor

# What of a model here the authors' files have.
THEIRS = ('audio_encoder.', 'decode_head.fuser.')

# Before the release its modules had these names; some were listed twice.
_LEGACY = {
    r'train_f_patch_embed': 'patch_embeds.',
    r'train_f_a_block': 'fusion_modules.',
    r'train_f_block': 'f_blocks.',
    r'train_a_block': 'a_blocks.',
    r'train_smooth': 'smooth_convs.',
}
_TWICE = re.compile(r'(training|finetuning)_layers\.')

# What they build and never call: of the layers on the sound, which is one
# token, what works on maps; of the fusion two projections.
_UNUSED = re.compile(r'a_blocks\.\d+\.\d+\.(attn\.(sr|norm)|mlp\.dwconv)\.|'
                     r'fusion_modules\.\d+\.(g|align_channel_back)\.')

_RULES = {
    r'^vgg\.': 'audio_encoder.',
    r'^(train_proj_\w1)\.proj\.': r'\1.',
    r'^(f_blocks.*\.attn)\.proj\.': r'\1.attn.out_proj.',
    r'^(f_blocks.*)\.mlp\.fc1\.': r'\1.ffn.layers.0.',
    r'^(f_blocks.*)\.mlp\.dwconv\.dwconv\.': r'\1.ffn.layers.1.',
    r'^(f_blocks.*)\.mlp\.fc2\.': r'\1.ffn.layers.4.',
    r'^(a_blocks.*)\.attn\.proj\.': r'\1.self_attn.out_proj.',
    r'^(a_blocks.*)\.mlp\.fc1\.': r'\1.linear1.',
    r'^(a_blocks.*)\.mlp\.fc2\.': r'\1.linear2.',
}


def convert_checkpoint(state_dict: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Bring the authors' weights, such as ``auralsam2_avs_v1m.pth``, into
    those of our configs.

    Args:
        state_dict (Mapping[str, Tensor]): Of their ``AuralFuser`` or of their
            whole model, whose SAM 2 (``v_model``) is frozen in training: it is
            left out, and comes from SAM 2's own weights.

    Returns:
        dict[str, Tensor]: Weights of ``audio_encoder`` and
        ``decode_head.fuser``, all of them; what their model has and does not
        call is left out.
    """
    state = {}
    for name, value in state_dict.items():
        name = re.sub(r'^(aural_fuser|audio_prompter)\.', '', name)
        if name.startswith('v_model.') or _TWICE.match(name):
            continue
        for old, new in _LEGACY.items():  # theirs count from 1
            name = re.sub(rf'^{old}(\d)',
                          lambda match, new=new: f'{new}{int(match[1]) - 1}',
                          name)
        if not _UNUSED.match(name):
            state[name] = value
    for name in [name for name in state if '.attn.q.' in name]:
        layer, _, kind = name.partition('.attn.q.')
        joined = torch.cat(
            [state.pop(name), state.pop(f'{layer}.attn.kv.{kind}')])
        attn = 'attn.attn' if name.startswith('f_blocks') else 'self_attn'
        state[f'{layer}.{attn}.in_proj_{kind}'] = joined
    converted = {}
    for name, value in state.items():
        for pattern, new in _RULES.items():
            name = re.sub(pattern, new, name)
        if re.match(r'fusion_modules|train_proj', name) and value.dim() > 2:
            value = value.flatten(2)  # of one pixel, as of a sequence
        elif re.search(r'ffn\.layers\.[04]\.weight', name):
            value = value[..., None, None]
        if not name.startswith('audio_encoder.'):
            name = f'decode_head.fuser.{name}'
        converted[name] = value.contiguous()
    return converted
