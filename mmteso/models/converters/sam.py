# Copyright (c) mmteso contributors. All rights reserved.
"""Meta's SAM checkpoints, renamed for transformers.

Source of the layout: ``segment_anything/modeling`` of
facebookresearch/segment-anything.
"""
import os
import re
import shutil
from typing import Any, Dict, Iterable, List, Mapping, Tuple

import torch
from torch import Tensor

from mmteso.io import read_state_dict
from ..sam import import_sam, make_config

SAM_URL = ('https://dl.fbaipublicfiles.com/segment_anything/'
           'sam_vit_b_01ec64.pth')

_BOTH = ('weight', 'bias')
_GAUSSIAN = 'prompt_encoder.pe_layer.positional_encoding_gaussian_matrix'
_POINTS = 'prompt_encoder.point_embeddings.'
_BLOCKS = 'image_encoder.blocks.'
_LAYERS = 'mask_decoder.transformer.layers.'
_IOU = 'mask_decoder.iou_prediction_head.layers.'
_HYPER = 'mask_decoder.output_hypernetworks_mlps.'
# modules with weight and bias, Meta's name -> transformers'
_MODULES = {
    'image_encoder.patch_embed.proj': 'vision_encoder.patch_embed.projection',
    'image_encoder.neck.1': 'vision_encoder.neck.layer_norm1',
    'image_encoder.neck.3': 'vision_encoder.neck.layer_norm2',
    'prompt_encoder.mask_downscaling.0': 'prompt_encoder.mask_embed.conv1',
    'prompt_encoder.mask_downscaling.1':
    'prompt_encoder.mask_embed.layer_norm1',
    'prompt_encoder.mask_downscaling.3': 'prompt_encoder.mask_embed.conv2',
    'prompt_encoder.mask_downscaling.4':
    'prompt_encoder.mask_embed.layer_norm2',
    'prompt_encoder.mask_downscaling.6': 'prompt_encoder.mask_embed.conv3',
    'mask_decoder.transformer.norm_final_attn':
    'mask_decoder.transformer.layer_norm_final_attn',
    'mask_decoder.output_upscaling.0': 'mask_decoder.upscale_conv1',
    'mask_decoder.output_upscaling.1': 'mask_decoder.upscale_layer_norm',
    'mask_decoder.output_upscaling.3': 'mask_decoder.upscale_conv2',
}
# single tensors; the random matrix of positions is in two places
_TENSORS = {
    'image_encoder.pos_embed': ('vision_encoder.pos_embed', ),
    'image_encoder.neck.0.weight': ('vision_encoder.neck.conv1.weight', ),
    'image_encoder.neck.2.weight': ('vision_encoder.neck.conv2.weight', ),
    _GAUSSIAN: ('shared_image_embedding.positional_embedding',
                'prompt_encoder.shared_embedding.positional_embedding'),
    'prompt_encoder.not_a_point_embed.weight':
    ('prompt_encoder.not_a_point_embed.weight', ),
    'prompt_encoder.no_mask_embed.weight':
    ('prompt_encoder.no_mask_embed.weight', ),
    'mask_decoder.iou_token.weight': ('mask_decoder.iou_token.weight', ),
    'mask_decoder.mask_tokens.weight': ('mask_decoder.mask_tokens.weight', ),
}
_PROJECTIONS = ('q_proj', 'k_proj', 'v_proj', 'out_proj')


class SAMWeightsError(ValueError):
    """A weights file that isn't SAM's, or isn't whole."""


def _indices(keys: Iterable[str], prefix: str) -> int:
    """How many different numbers follow the prefix; at least one."""
    pattern = re.compile(re.escape(prefix) + r'(\d+)\.')
    found = {match.group(1) for match in map(pattern.match, keys) if match}
    return max(1, len(found))


def _mlp(old: str, new: str, depth: int) -> Dict[str, str]:
    """An MLP's linear layers; transformers names the outer two."""
    names = {f'{old}0': f'{new}.proj_in'}
    for index in range(1, depth - 1):
        names[f'{old}{index}'] = f'{new}.layers.{index - 1}'
    names[f'{old}{depth - 1}'] = f'{new}.proj_out'
    return names


def _names(keys: List[str]) -> Dict[str, Tuple[str, ...]]:
    """All names of a SAM of this depth, with the new ones."""
    modules, tensors = dict(_MODULES), dict(_TENSORS)
    # numbered without a gap, or it shows as missing
    for index in range(_indices(keys, _BLOCKS)):
        old, new = f'{_BLOCKS}{index}.', f'vision_encoder.layers.{index}.'
        for part in ('attn.qkv', 'attn.proj', 'mlp.lin1', 'mlp.lin2'):
            modules[old + part] = new + part
        for part in '12':
            modules[f'{old}norm{part}'] = f'{new}layer_norm{part}'
        for part in ('attn.rel_pos_h', 'attn.rel_pos_w'):
            tensors[old + part] = (new + part, )
    for index in range(_indices(keys, _POINTS)):
        tensors[f'{_POINTS}{index}.weight'] = (
            f'prompt_encoder.point_embed.{index}.weight', )
    attentions = ['mask_decoder.transformer.final_attn_token_to_image']
    for index in range(_indices(keys, _LAYERS)):
        layer = f'{_LAYERS}{index}.'
        attentions += [
            f'{layer}{name}' for name in ('self_attn',
                                          'cross_attn_token_to_image',
                                          'cross_attn_image_to_token')
        ]
        for part in ('mlp.lin1', 'mlp.lin2'):
            modules[layer + part] = layer + part
        for part in '1234':
            modules[f'{layer}norm{part}'] = f'{layer}layer_norm{part}'
    for attention in attentions:
        for part in _PROJECTIONS:
            modules[f'{attention}.{part}'] = f'{attention}.{part}'
    for index in range(_indices(keys, _HYPER)):
        modules.update(
            _mlp(f'{_HYPER}{index}.layers.', f'{_HYPER}{index}', depth=3))
    modules.update(
        _mlp(_IOU, 'mask_decoder.iou_prediction_head', _indices(keys, _IOU)))
    names = {
        f'{old}.{kind}': (f'{new}.{kind}', )
        for old, new in modules.items()
        for kind in _BOTH
    }
    names.update(tensors)
    return names


def convert_sam(state_dict: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Rename Meta's weights for transformers' ``SamModel``.

    Args:
        state_dict (Mapping[str, Tensor]): All of a SAM, as in
            ``sam_vit_b_01ec64.pth`` (ViT-L and ViT-H alike).

    Returns:
        dict[str, Tensor]: Copies, float32, all that ``SamModel`` has.

    Raises:
        SAMWeightsError: If a weight is missing or unknown, or two would get
            one name.
    """
    names = _names(list(state_dict))
    missing = sorted(names.keys() - state_dict.keys())
    unknown = sorted(state_dict.keys() - names.keys())
    if missing or unknown:
        raise SAMWeightsError("these are not the weights of Meta's SAM: "
                              f'missing {missing}, unknown {unknown}')
    converted = {}
    for old, new in names.items():
        for name in new:
            if name in converted:
                raise SAMWeightsError(
                    f'two weights would get the name {name!r}, one of them '
                    f'{old!r}')
            converted[name] = state_dict[old].to(
                torch.float32, copy=True).contiguous()
    return converted


def sam_settings(state_dict: Mapping[str, Tensor],
                 decoder_heads: int = 8) -> Dict[str, Dict[str, Any]]:
    """Read the structure of a SAM off its shapes.

    Args:
        state_dict (Mapping[str, Tensor]): From :func:`convert_sam`.
        decoder_heads (int): Attention heads of the mask decoder, which leave
            no trace in the shapes. Defaults to 8, as in all of Meta's.

    Returns:
        dict[str, dict]: ``vision_config``, ``prompt_encoder_config`` and
        ``mask_decoder_config`` of ``SamConfig``. The mask decoder's
        normalisations have PyTorch's ``eps`` of 1e-5 as in Meta's code;
        transformers' default, and the config of ``facebook/sam-vit-base``,
        is 1e-6.

    Raises:
        SAMWeightsError: If the shapes contradict each other.
    """
    shapes = {key: tuple(value.shape) for key, value in state_dict.items()}
    try:
        return dict(
            vision_config=_vision_settings(shapes),
            **_decoder_settings(shapes, decoder_heads))
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise SAMWeightsError('the shapes of the weights are not those of a '
                              f'SAM: {error}') from error


def _vision_settings(shapes: Dict[str, tuple]) -> Dict[str, Any]:
    encoder = 'vision_encoder.'
    _, height, width, dims = shapes[f'{encoder}pos_embed']
    _, channels, patch, _ = shapes[f'{encoder}patch_embed.projection.weight']
    depth = _indices(shapes, f'{encoder}layers.')
    layers = [f'{encoder}layers.{index}.' for index in range(depth)]
    reach = [shapes[f'{layer}attn.rel_pos_h'] for layer in layers]
    if height != width:
        raise ValueError('the image encoder is for square images, but '
                         f'pos_embed has {height} x {width} places')
    # global attention reaches over the image, the other over one window
    windows = {(length + 1) // 2 for length, _ in reach} - {height}
    if len(windows) > 1:
        raise ValueError(f'windows of several sizes: {sorted(windows)}')
    return dict(
        hidden_size=dims,
        output_channels=shapes[f'{encoder}neck.conv1.weight'][0],
        num_hidden_layers=depth,
        num_attention_heads=dims // reach[0][1],
        num_channels=channels,
        image_size=height * patch,
        patch_size=patch,
        mlp_dim=shapes[f'{layers[0]}mlp.lin1.weight'][0],
        mlp_ratio=shapes[f'{layers[0]}mlp.lin1.weight'][0] / dims,
        window_size=windows.pop() if windows else 0,
        global_attn_indexes=[
            index for index, (length, _) in enumerate(reach)
            if length == 2 * height - 1
        ],
        num_pos_feats=shapes['shared_image_embedding.positional_embedding'][1])


def _decoder_settings(shapes: Dict[str, tuple],
                      decoder_heads: int) -> Dict[str, Dict[str, Any]]:
    decoder, layer = 'mask_decoder.', 'mask_decoder.transformer.layers.0.'
    tokens, dims = shapes[f'{decoder}mask_tokens.weight']
    inner = shapes[f'{layer}cross_attn_token_to_image.q_proj.weight'][0]
    _, _, height, _ = (1, *shapes['vision_encoder.pos_embed'][:3])
    patch = shapes['vision_encoder.patch_embed.projection.weight'][2]
    iou = f'{decoder}iou_prediction_head.'
    return dict(
        prompt_encoder_config=dict(
            hidden_size=dims,
            image_size=height * patch,
            patch_size=patch,
            mask_input_channels=shapes[
                'prompt_encoder.mask_embed.conv2.weight'][0],
            num_point_embeddings=_indices(shapes,
                                          'prompt_encoder.point_embed.')),
        mask_decoder_config=dict(
            hidden_size=dims,
            mlp_dim=shapes[f'{layer}mlp.lin1.weight'][0],
            num_hidden_layers=_indices(shapes, f'{decoder}transformer.layers.'
                                       ),
            num_attention_heads=decoder_heads,
            attention_downsample_rate=dims // inner,
            num_multimask_outputs=tokens - 1,
            iou_head_depth=2 + sum(
                re.fullmatch(re.escape(iou) + r'layers\.\d+\.weight', key)
                is not None for key in shapes),
            iou_head_hidden_dim=shapes[f'{iou}proj_in.weight'][0],
            layer_norm_eps=1e-5))


def read_sam_weights(path: str) -> Dict[str, Tensor]:
    """Read one of Meta's checkpoints.

    Args:
        path (str): Such as ``sam_vit_b_01ec64.pth``.

    Returns:
        dict[str, Tensor]: Under Meta's names.

    Raises:
        FileNotFoundError: If there is no such file.
        SAMWeightsError: If it is no checkpoint.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'SAM\'s weights are not at "{path}". '
                                f'Download them from {SAM_URL}')
    return read_state_dict(path, SAMWeightsError)


def write_sam_folder(folder: str,
                     state_dict: Mapping[str, Tensor],
                     decoder_heads: int = 8) -> None:
    """Write a folder that transformers' ``SamModel`` reads.

    The folder appears under its name only once it is complete.

    Args:
        folder (str): The folder; it must not exist.
        state_dict (Mapping[str, Tensor]): From :func:`convert_sam`.
        decoder_heads (int): See :func:`sam_settings`. Defaults to 8.

    Raises:
        FileExistsError: If the folder is there.
        SAMWeightsError: If the weights don't fit the network that their
            shapes describe.
    """
    if os.path.exists(folder):
        raise FileExistsError(f'"{folder}" exists already')
    sam = import_sam()
    try:
        model = sam.SamModel(
            make_config('SamConfig', sam_settings(state_dict, decoder_heads)))
        model.load_state_dict(state_dict)  # strict
    except (RuntimeError, ValueError) as error:
        raise SAMWeightsError(f'the weights don\'t make a SAM: {error}'
                              ) from error
    partial = f'{os.path.normpath(folder)}.partial'
    shutil.rmtree(partial, ignore_errors=True)  # of an interrupted run
    os.makedirs(partial)
    usual = os.stat(partial).st_mode & 0o666
    model.save_pretrained(partial)
    for name in os.listdir(partial):
        # safetensors 0.8 leaves files that nobody but their owner can read
        os.chmod(os.path.join(partial, name), usual)
    os.replace(partial, folder)
