# Copyright (c) mmteso contributors. All rights reserved.
"""transformers' Mask2Former as mmsegmentation's.

Both were written from the same paper and hold the same numbers; they differ
in names, in what is fused, and in the order of Swin's patch merging.
"""
import re
from typing import Any, Dict, List, Mapping

import torch
from mmseg.models.backbones.swin import WindowMSA
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.optional import require
from ..weights import from_pretrained, load_part

_ENCODER = 'model.pixel_level_module.encoder.'
# Swin's names in memory since transformers 5 -> those in files
_IN_MEMORY = {
    'encoder.swin.': 'encoder.',
    'attention.q_proj': 'attention.self.query',
    'attention.k_proj': 'attention.self.key',
    'attention.v_proj': 'attention.self.value',
    'attention.o_proj': 'attention.output.dense',
    'attention.relative_position_bias.': 'attention.self.',
    'mlp.fc1': 'intermediate.dense',
    'mlp.fc2': 'output.dense',
}
# What no feature map depends on: the loss's class weights, the norm behind
# Swin's last stage, and tables that follow from the window.
_UNUSED = ('criterion.empty_weight', f'{_ENCODER}layernorm.',
           'relative_position_index')

# transformers' modules -> mmsegmentation's; # is a number. What gets the same
# name is joined in the order of this table.
_SWIN = {
    'embeddings.patch_embeddings.projection': 'patch_embed.projection',
    'embeddings.norm': 'patch_embed.norm',
    'embeddings.position_embeddings': 'absolute_pos_embed',
    'encoder.layers.#.downsample': 'stages.#.downsample',
    **{
        f'encoder.layers.#.blocks.#.{theirs}': f'stages.#.blocks.#.{ours}'
        for theirs, ours in {
            'layernorm_before': 'norm1',
            'layernorm_after': 'norm2',
            'attention.self.query': 'attn.w_msa.qkv',
            'attention.self.key': 'attn.w_msa.qkv',
            'attention.self.value': 'attn.w_msa.qkv',
            'attention.self.relative_position_bias_table':
            'attn.w_msa.relative_position_bias_table',
            'attention.output.dense': 'attn.w_msa.proj',
            'intermediate.dense': 'ffn.layers.0.0',
            'output.dense': 'ffn.layers.1',
        }.items()
    },
    **{f'hidden_states_norms.stage{i + 1}': f'norm{i}' for i in range(4)},
}
_RESNET = {
    'embedder.embedder.convolution': 'conv1',
    'embedder.embedder.normalization': 'bn1',
    **{
        f'encoder.stages.{i}.layers.#.{theirs}': f'layer{i + 1}.#.{ours}'
        for i in range(4) for theirs, ours in {
            'shortcut.convolution': 'downsample.0',
            'shortcut.normalization': 'downsample.1',
            **{f'layer.{j}.convolution': f'conv{j + 1}' for j in range(3)},
            **{f'layer.{j}.normalization': f'bn{j + 1}' for j in range(3)},
        }.items()
    },
}
_PIXEL_DECODER = {
    'input_projections.#.0': 'input_convs.#.conv',
    'input_projections.#.1': 'input_convs.#.gn',
    'level_embed': 'level_encoding.weight',
    'encoder.layers.#.self_attn': 'encoder.layers.#.self_attn',
    'encoder.layers.#.self_attn_layer_norm': 'encoder.layers.#.norms.0',
    'encoder.layers.#.fc1': 'encoder.layers.#.ffn.layers.0.0',
    'encoder.layers.#.fc2': 'encoder.layers.#.ffn.layers.1',
    'encoder.layers.#.final_layer_norm': 'encoder.layers.#.norms.1',
    'adapter_1.0': 'lateral_convs.0.conv',
    'adapter_1.1': 'lateral_convs.0.gn',
    'layer_1.0': 'output_convs.0.conv',
    'layer_1.1': 'output_convs.0.gn',
    'mask_projection': 'mask_feature',
}
_DECODER = {
    'queries_embedder': 'query_embed',
    'queries_features': 'query_feat',
    'level_embed': 'level_embed',
    'input_projections.#': 'decoder_input_projs.#',
    'decoder.layernorm': 'transformer_decoder.post_norm',
    **{
        f'decoder.layers.#.{theirs}': f'transformer_decoder.layers.#.{ours}'
        for theirs, ours in {
            'cross_attn': 'cross_attn.attn',
            'self_attn.q_proj': 'self_attn.attn.in_proj',
            'self_attn.k_proj': 'self_attn.attn.in_proj',
            'self_attn.v_proj': 'self_attn.attn.in_proj',
            'self_attn.out_proj': 'self_attn.attn.out_proj',
            'fc1': 'ffn.layers.0.0',
            'fc2': 'ffn.layers.1',
            # in the order in which they are applied
            'cross_attn_layer_norm': 'norms.0',
            'self_attn_layer_norm': 'norms.1',
            'final_layer_norm': 'norms.2',
        }.items()
    },
    # a ReLU is between two of them
    **{
        f'decoder.mask_predictor.mask_embedder.{i}.0': f'mask_embed.{2 * i}'
        for i in range(3)
    },
}
_RULES = [(re.compile(
    re.escape(there + theirs).replace(r'\#', '#').replace('#', r'(\d+)') +
    r'(\.(?:\w|\.)+|)'), (here + ours).replace('#', '{}') + '{}')
          for there, here, table in (
              (_ENCODER, 'backbone.', _SWIN), (_ENCODER, 'backbone.', _RESNET),
              ('model.pixel_level_module.decoder.',
               'decode_head.pixel_decoder.', _PIXEL_DECODER),
              ('model.transformer_module.', 'decode_head.', _DECODER),
              ('', '', {'class_predictor': 'decode_head.cls_embed'}))
          for theirs, ours in table.items()]


def load_hf_mask2former(source: str) -> nn.Module:
    """Load a Mask2Former of transformers, from a folder or the Hub, whole.

    Raises:
        ImportError, OSError, ValueError: If transformers is not installed,
            there is no such model, or weights are missing.
    """
    return from_pretrained(
        require('transformers', 'text').Mask2FormerForUniversalSegmentation,
        source)


def convert_mask2former(state_dict: Mapping[str, Tensor],
                        window_size: int = 0) -> Dict[str, Tensor]:
    """Bring the weights of transformers' Mask2Former into mmsegmentation's.

    Args:
        state_dict (Mapping[str, Tensor]): Weights of a
            ``Mask2FormerForUniversalSegmentation`` with a Swin or a ResNet of
            transformers, under the names of its files or those in memory.
        window_size (int): Of a Swin. Defaults to 0: it is a ResNet.

    Returns:
        dict[str, Tensor]: Weights of mmsegmentation's ``EncoderDecoder`` with
        a ``Mask2FormerHead``, to load with ``strict=True``. As in
        transformers, the last class means "no object".

    Raises:
        ValueError: If there is a weight that such a model does not have.
    """
    parts: Dict[str, List[tuple]] = {}
    for name, value in state_dict.items():
        if name.startswith(_ENCODER):
            for old, new in _IN_MEMORY.items():
                name = name.replace(old, new)
        if any(word in name for word in _UNUSED):
            continue
        for order, (pattern, target) in enumerate(_RULES):
            match = pattern.fullmatch(name)
            if match:
                break
        else:
            raise ValueError(f'{name!r} is no weight of a Mask2Former with a '
                             'Swin or a ResNet of transformers')
        target = target.format(*match.groups()).replace('in_proj.', 'in_proj_')
        if '.downsample.' in target and '.stages.' in target:
            value = _unfold_order(value)
        parts.setdefault(target, []).append((order, value))
    converted = {}
    for target, values in parts.items():
        values = [value for _, value in sorted(values, key=lambda v: v[0])]
        converted[target] = torch.cat(values) if values[1:] else values[0]
        if target.endswith('relative_position_bias_table'):
            converted[target.replace('bias_table', 'index')] = WindowMSA(
                1, 1, (window_size, window_size)).relative_position_index
    return converted


def _unfold_order(value: Tensor) -> Tensor:
    """Inputs of a patch merging, in the order of ``nn.Unfold``.

    Four neighbours are joined with the columns outermost and the channels
    innermost (column, row, channel) there, and the other way round
    (channel, row, column) here.
    """
    *others, width = value.shape
    value = value.reshape(*others, 2, 2, width // 4)
    return value.transpose(-3, -1).reshape(*others, width)


def pixel_settings(preprocessor: Mapping[str, Any]) -> Dict[str, Any]:
    """``mean``, ``std`` and ``bgr_to_rgb`` of a data_preprocessor for the
    same pixels, from ``preprocessor_config.json``.

    transformers divides RGB values by 255 before mean and deviation;
    mmsegmentation takes both in the range of the pixels.
    """
    scale = 1.0
    if preprocessor.get('do_rescale', True):
        scale = preprocessor.get('rescale_factor', 1 / 255)
    mean, std = [0.0] * 3, [1.0] * 3
    if preprocessor.get('do_normalize', True):
        mean = preprocessor.get('image_mean', [0.485, 0.456, 0.406])
        std = preprocessor.get('image_std', [0.229, 0.224, 0.225])
    # the files carry float32's digits (0.48500001430511475)
    return dict(
        mean=[round(value / scale, 3) for value in mean],
        std=[round(value / scale, 3) for value in std],
        bgr_to_rgb=True)


def find_differences(state_dict: Mapping[str, Tensor], config,
                     model: Mapping[str, Any]) -> List[str]:
    """Where the model of a config is another than the converted one.

    Backbone and decode head are built; the number of classes may be another.

    Args:
        state_dict (Mapping[str, Tensor]): From :func:`convert_mask2former`.
        config (Mask2FormerConfig): transformers' configuration.
        model (Mapping[str, Any]): ``model`` of a config.

    Returns:
        list[str]: A line for each difference; empty if it fits.
    """
    head = {
        key: value
        for key, value in model['decode_head'].items()
        if key not in ('pmqs', 'targets')
    }
    head.update(
        type='Mask2FormerHead',
        init_cfg=None,
        num_classes=len(state_dict['decode_head.cls_embed.bias']) - 1)
    head = MODELS.build(head)
    backbone = MODELS.build(dict(model['backbone'], init_cfg=None))
    try:
        load_part(
            nn.ModuleDict(dict(backbone=backbone, decode_head=head)),
            dict(state_dict), 'the converted model')
    except RuntimeError as error:
        return [str(error)]
    # what leaves no trace in shapes
    layer = head.transformer_decoder.layers[0]
    heads, theirs = config.num_attention_heads, config.backbone_config
    facts = [
        ('heads (pixel decoder, self, cross)', [heads] * 3, [
            attention.num_heads for attention in (
                head.pixel_decoder.encoder.layers[0].self_attn,
                layer.self_attn, layer.cross_attn)
        ]),
        ('groups of the pixel decoder\'s norms', 32,
         head.pixel_decoder.input_convs[0].gn.num_groups),
        ('activation, pre_norm, strides', [
            config.activation_function, config.pre_norm,
            list(config.feature_strides)
        ], ['relu', False, [4, 8, 16, 32]]),
    ]
    if theirs.model_type == 'swin':
        facts.append(('backbone: activation, eps',
                      [theirs.hidden_act, theirs.layer_norm_eps],
                      ['gelu', 1e-5]))
    else:
        caffe = theirs.layer_type == 'bottleneck' and \
            theirs.downsample_in_bottleneck
        facts.append(
            ('backbone: activation, style, strides, dilations', [
                theirs.hidden_act, 'caffe' if caffe else 'pytorch',
                (1, 2, 2, 2), (1, ) * 4
            ], [
                'relu', backbone.style, tuple(backbone.strides),
                tuple(backbone.dilations)
            ]))
    return [
        f'{what}: {ours!r}, the weights need {needed!r}'
        for what, needed, ours in facts if needed != ours
    ]
