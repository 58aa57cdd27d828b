# Copyright (c) mmteso contributors. All rights reserved.
"""Meta's SAM checkpoints, renamed for transformers.

Source of the layout: ``segment_anything/modeling`` of
facebookresearch/segment-anything.
"""
import os
import re
import shutil
from typing import Any, Dict, Mapping

import torch
from torch import Tensor

from ..sam import import_sam, make_config

# Meta's names -> transformers', applied in this order
_RULES = [(re.compile(pattern), new) for pattern, new in (
    (r'^image_encoder\.', 'vision_encoder.'),
    (r'\.blocks\.', '.layers.'),
    (r'\.patch_embed\.proj\.', '.patch_embed.projection.'),
    (r'\.neck\.0\.', '.neck.conv1.'),
    (r'\.neck\.1\.', '.neck.layer_norm1.'),
    (r'\.neck\.2\.', '.neck.conv2.'),
    (r'\.neck\.3\.', '.neck.layer_norm2.'),
    (r'\.norm(\d)\.', r'.layer_norm\1.'),
    (r'\.norm_final_attn\.', '.layer_norm_final_attn.'),
    (r'\.point_embeddings\.', '.point_embed.'),
    (r'\.mask_downscaling\.0\.', '.mask_embed.conv1.'),
    (r'\.mask_downscaling\.1\.', '.mask_embed.layer_norm1.'),
    (r'\.mask_downscaling\.3\.', '.mask_embed.conv2.'),
    (r'\.mask_downscaling\.4\.', '.mask_embed.layer_norm2.'),
    (r'\.mask_downscaling\.6\.', '.mask_embed.conv3.'),
    (r'\.output_upscaling\.0\.', '.upscale_conv1.'),
    (r'\.output_upscaling\.1\.', '.upscale_layer_norm.'),
    (r'\.output_upscaling\.3\.', '.upscale_conv2.'),
    # the outer two linear layers of an MLP of three
    (r'(_mlps\.\d+|iou_prediction_head)\.layers\.0\.', r'\1.proj_in.'),
    (r'(_mlps\.\d+|iou_prediction_head)\.layers\.2\.', r'\1.proj_out.'),
    (r'(_mlps\.\d+|iou_prediction_head)\.layers\.1\.', r'\1.layers.0.'),
    (r'^prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix$',
     'prompt_encoder.shared_embedding.positional_embedding'),
)]


def convert_sam(state_dict: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Rename Meta's weights, such as ``sam_vit_b_01ec64.pth``, for
    transformers' ``SamModel``: copies, float32.
    """
    converted = {}
    for name, value in state_dict.items():
        for pattern, new in _RULES:
            name = pattern.sub(new, name)
        converted[name] = value.to(torch.float32, copy=True).contiguous()
    positions = 'prompt_encoder.shared_embedding.positional_embedding'
    if positions in converted:  # in two places
        converted['shared_image_embedding.positional_embedding'] = converted[
            positions].clone()
    return converted


def sam_settings(state_dict: Mapping[str, Tensor],
                 decoder_heads: int = 8) -> Dict[str, Dict[str, Any]]:
    """Read the structure of a SAM off its shapes.

    Args:
        state_dict (Mapping[str, Tensor]): From :func:`convert_sam`.
        decoder_heads (int): Attention heads of the mask decoder, which leave
            no trace in the shapes. Defaults to 8, as in all of Meta's.

    Returns:
        dict[str, dict]: The three configs of ``SamConfig``. The mask decoder's
        normalisations have PyTorch's ``eps`` of 1e-5 as in Meta's code;
        transformers' default, and the config of ``facebook/sam-vit-base``,
        is 1e-6.

    Raises:
        ValueError: If weights that tell the structure are missing.
    """

    def size(name: str, axis: int = 0) -> int:
        if name not in state_dict:
            raise ValueError('these are not the weights of a whole SAM: no '
                             f'{name!r}')
        return state_dict[name].shape[axis]

    def depth(name: str) -> int:
        return sum(name.format(i) in state_dict for i in range(1000))

    relative = 'vision_encoder.layers.{}.attn.rel_pos_h'
    layer = 'mask_decoder.transformer.layers.{}.'
    # twice the reach of each layer's attention in places, less one
    reach = [size(relative.format(i)) for i in range(depth(relative))]
    side = size('vision_encoder.pos_embed', 2)
    dims = size('vision_encoder.pos_embed', 3)
    patch = size('vision_encoder.patch_embed.projection.weight', 2)
    mlp_dim = size('vision_encoder.layers.0.mlp.lin1.weight')
    width = size('mask_decoder.mask_tokens.weight', 1)
    windows = [(length + 1) // 2 for length in reach if length < 2 * side - 1]
    return dict(
        vision_config=dict(
            hidden_size=dims,
            output_channels=size('vision_encoder.neck.conv1.weight'),
            num_hidden_layers=len(reach),
            num_attention_heads=dims // size(relative.format(0), 1),
            num_channels=size('vision_encoder.patch_embed.projection.weight',
                              1),
            image_size=side * patch,
            patch_size=patch,
            mlp_dim=mlp_dim,
            mlp_ratio=mlp_dim / dims,
            window_size=windows[0] if windows else 0,
            global_attn_indexes=[
                i for i, length in enumerate(reach) if length == 2 * side - 1
            ],
            num_pos_feats=width // 2),
        prompt_encoder_config=dict(
            hidden_size=width,
            image_size=side * patch,
            patch_size=patch,
            mask_input_channels=size(
                'prompt_encoder.mask_embed.conv2.weight')),
        mask_decoder_config=dict(
            hidden_size=width,
            mlp_dim=size(layer.format(0) + 'mlp.lin1.weight'),
            num_hidden_layers=depth(layer + 'mlp.lin1.weight'),
            num_attention_heads=decoder_heads,
            attention_downsample_rate=width // size(
                layer.format(0) + 'cross_attn_token_to_image.q_proj.weight'),
            num_multimask_outputs=size('mask_decoder.mask_tokens.weight') - 1,
            iou_head_hidden_dim=size(
                'mask_decoder.iou_prediction_head.proj_in.weight'),
            layer_norm_eps=1e-5))


def write_sam_folder(folder: str,
                     state_dict: Mapping[str, Tensor],
                     decoder_heads: int = 8) -> None:
    """Write a new folder that transformers' ``SamModel`` reads.

    The weights are :func:`convert_sam`'s. It appears once it is complete.

    Raises:
        FileExistsError: If the folder is there.
        ValueError: If the weights are not all of a SAM.
    """
    if os.path.exists(folder):
        raise FileExistsError(f'"{folder}" exists already')
    settings = sam_settings(state_dict, decoder_heads)
    try:
        model = import_sam().SamModel(make_config('SamConfig', settings))
        model.load_state_dict(state_dict)  # strict
    except (RuntimeError, ValueError) as error:
        raise ValueError('these are not the weights of a whole SAM: '
                         f'{error}') from error
    partial = f'{os.path.normpath(folder)}.partial'
    shutil.rmtree(partial, ignore_errors=True)  # of an interrupted run
    os.makedirs(partial)
    usual = os.stat(partial).st_mode & 0o666
    model.save_pretrained(partial)
    for name in os.listdir(partial):
        # safetensors 0.8 leaves files that nobody but their owner can read
        os.chmod(os.path.join(partial, name), usual)
    os.replace(partial, folder)
