# Copyright (c) mmteso contributors. All rights reserved.
"""The authors' checkpoints under the names that the model has here.

Source of their layout: ``model/`` of vvvb-github/AVSegFormer at 7083cb6.
"""
import re
from typing import Dict, Mapping

from mmdet.models.backbones.pvt import pvt_convert
from torch import Tensor

_LEVELS, _POINTS = 3, 4  # of the deformable attention

# What of a model here the authors' files have.
THEIRS = ('', )  # all of it

# What they build and never call: a pyramid of the attention, and the second
# branch of the ResNet.
_UNUSED = re.compile(r'head\.(fpn|attn_fc)\.|backbone\.layer[34]_2\.')

_LAYER = {
    r'norm(\d)\.': lambda match: f'norms.{int(match[1]) - 1}.',
    r'linear1\.|ffn\.0\.': 'ffn.layers.0.0.',
    r'linear2\.|ffn\.2\.': 'ffn.layers.1.',
}
_RULES = {
    r'vggish\.': 'audio_encoder.',
    r'audio_proj\.': 'prompt_encoder.proj.',
    r'backbone\.layer([34])_1\.': r'backbone.layer\1.',
    r'head\.query_generator\.query\.': 'decode_head.audio_query.',
    r'head\.query_generator\.layers\.(\d+)\.(self|cross)_attn\.':
    r'decode_head.generator.\1.\2_attn.attn.',
    r'head\.query_generator\.layers\.': 'decode_head.generator.',
    r'head\.transformer\.encoder\.': 'decode_head.pixel_decoder.encoder.',
    r'head\.transformer\.decoder\.layers\.(\d+)\.(self|cross)_attn\.':
    r'decode_head.decoder.\1.\2_attn.attn.',
    r'head\.transformer\.decoder\.layers\.': 'decode_head.decoder.',
    r'head\.level_embed$': 'decode_head.pixel_decoder.level_encoding.weight',
    r'head\.in_proj\.0\.0\.': 'decode_head.pixel_decoder.finest.conv.',
    r'head\.in_proj\.0\.1\.': 'decode_head.pixel_decoder.finest.gn.',
    # from the coarsest level on
    **{
        rf'head\.in_proj\.{i}\.{j}\.':
        f'decode_head.pixel_decoder.input_convs.{_LEVELS - i}.{name}.'
        for i in range(1, _LEVELS + 1) for j, name in enumerate(
            ('conv', 'gn'))
    },
    **{
        rf'head\.{theirs}\.{j}\.':
        f'decode_head.pixel_decoder.{ours}.0.{name}.'
        for theirs, ours in (('lateral_conv', 'lateral_convs'),
                             ('out_conv', 'output_convs'))
        for j, name in enumerate(('conv', 'gn'))
    },
    r'head\.mlp\.layers\.(\d)\.':
    lambda match: f'decode_head.product_mlp.{2 * int(match[1])}.',
    r'head\.fusion_block\.q_proj\.': 'decode_head.mixer.query.',
    r'head\.fusion_block\.kv_proj\.': 'decode_head.mixer.key_value.',
    r'head\.fusion_block\.proj\.': 'decode_head.mixer.proj.',
    r'head\.fc\.0\.': 'decode_head.before_last.',
    r'head\.fc\.2\.': 'decode_head.last.',
    r'head\.fc\.4\.': 'decode_head.conv_seg.',
    r'head\.': 'decode_head.',
}


def convert_checkpoint(state_dict: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Bring the authors' weights, such as ``MS3_best.pth``, into those of our
    configs.

    Args:
        state_dict (Mapping[str, Tensor]): Of their ``AVSegFormer`` with PVTv2
            or with their two-branched ResNet-50.

    Returns:
        dict[str, Tensor]: To load with ``strict=True``; what their model has
        and does not call is left out.
    """
    state = {
        name: value
        for name, value in state_dict.items() if not _UNUSED.match(name)
    }
    prefix = 'backbone.'
    backbone = {
        name[len(prefix):]: state.pop(name)
        for name in list(state) if name.startswith(prefix)
    }
    if any(name.startswith('patch_embed1.') for name in backbone):
        backbone = pvt_convert(backbone)
    state.update({prefix + name: value for name, value in backbone.items()})
    converted = {}
    for name, value in state.items():
        if re.search(r'sampling_offsets|attention_weights', name):
            # theirs come from the finest level on
            count = 2 * _POINTS if 'offsets' in name else _POINTS
            value = value.unflatten(0, (-1, _LEVELS, count)).flip(1).flatten(
                0, 2)
        elif name == 'head.level_embed':
            value = value.flip(0)
        name = _rename(name)
        converted[name] = value.contiguous()
    return converted


def _rename(name: str) -> str:
    for pattern, new in _RULES.items():
        name, found = re.subn('^' + pattern, new, name)
        if found:
            break
    if re.match(r'decode_head\.(generator|decoder|pixel_decoder\.encoder)',
                name):
        for pattern, new in _LAYER.items():
            name = re.sub(r'(?<=\.)(?:' + pattern + ')', new, name)
    return name
