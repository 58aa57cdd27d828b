# Copyright (c) mmteso contributors. All rights reserved.
"""ImageBind's text weights: read, checked, and renamed for transformers.

ImageBind's text tower is OpenCLIP's ViT-H/14 text model, and so is, up to the
names of its weights, ``CLIPTextModelWithProjection`` of transformers.
Source of the layout: ``imagebind/models/imagebind_model.py`` of
facebookresearch/ImageBind.
"""
import os
import re
from typing import Dict, Iterable, Mapping, NamedTuple, Optional, Tuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from mmteso.io import atomic_write, file_sha256, read_state_dict

WEIGHTS_URL = 'https://dl.fbaipublicfiles.com/imagebind/imagebind_huge.pth'
FORMAT = 'mmteso-imagebind-text/1'
LOGIT_SCALE = 'log_logit_scale'
HEAD_DIMS = 64  # channels of an attention head

_MODALITIES = 'vision|text|audio|thermal|depth|imu'
_KEY = re.compile(r'modality_(?:preprocessors|trunks|heads|postprocessors)\.'
                  rf'({_MODALITIES})\.')
_MASK = 'modality_preprocessors.text.mask'
_POSITIONS = 'modality_preprocessors.text.pos_embed'
_BLOCK = re.compile(r'modality_trunks\.text\.blocks\.\d+\.')
_LAYER = re.compile(r'text_model\.encoder\.layers\.\d+\.')
# ImageBind's name -> the name or names in CLIPTextModelWithProjection. Query,
# key and value weights are one tensor there and three here.
_NAMES = {
    'modality_preprocessors.text.token_embedding.weight':
    ('text_model.embeddings.token_embedding.weight', ),
    _POSITIONS: ('text_model.embeddings.position_embedding.weight', ),
    _MASK: (),
    'modality_heads.text.proj.0.weight':
    ('text_model.final_layer_norm.weight', ),
    'modality_heads.text.proj.0.bias': ('text_model.final_layer_norm.bias', ),
    'modality_heads.text.proj.1.weight': ('text_projection.weight', ),
    'modality_postprocessors.text.1.log_logit_scale': (LOGIT_SCALE, ),
}
_BLOCK_NAMES = {
    'attn.in_proj_': ('self_attn.q_proj.', 'self_attn.k_proj.',
                      'self_attn.v_proj.'),
    'attn.out_proj.': ('self_attn.out_proj.', ),
    'norm_1.': ('layer_norm1.', ),
    'norm_2.': ('layer_norm2.', ),
    'mlp.fc1.': ('mlp.fc1.', ),
    'mlp.fc2.': ('mlp.fc2.', ),
}


class ImageBindWeightsError(ValueError):
    """A weights file that isn't ImageBind's, or isn't whole."""


class ImageBindWeights(NamedTuple):
    """A weights file, read.

    Attributes:
        path (str): The file.
        state_dict (dict[str, Tensor]): The text weights: under ImageBind's
            names and mapped from the file, or, of a converted file, under
            transformers'.
        converted (bool): Whether the file is a converted one.
        num_heads (int, optional): Attention heads; None if the file doesn't
            say, as ImageBind's own.
        source_sha256 (str, optional): SHA-256 of ImageBind's own file, as a
            converted file records it; None for that file itself.
    """
    path: str
    state_dict: Dict[str, Tensor]
    converted: bool
    num_heads: Optional[int] = None
    source_sha256: Optional[str] = None

    def sha256(self) -> str:
        """SHA-256 of ImageBind's own file; reads all of it to find out.

        Returns:
            str: 64 hexadecimal digits.
        """
        return self.source_sha256 or file_sha256(self.path)


def _count(pattern: re.Pattern, keys: Iterable[str]) -> int:
    """How many different blocks the keys name; at least one is expected."""
    found = {match.group() for match in map(pattern.match, keys) if match}
    return max(1, len(found))


def _names(num_blocks: int) -> Dict[str, Tuple[str, ...]]:
    """All names of a text tower in ImageBind, with the new ones."""
    names = dict(_NAMES)
    # numbered without a gap, or it shows as missing
    for index in range(num_blocks):
        for old, new in _BLOCK_NAMES.items():
            for kind in ('weight', 'bias'):
                names[f'modality_trunks.text.blocks.{index}.{old}{kind}'] = (
                    tuple(f'text_model.encoder.layers.{index}.{name}{kind}'
                          for name in new))
    return names


def _check_names(missing: Iterable[str], unknown: Iterable[str]) -> None:
    if missing or unknown:
        raise ImageBindWeightsError(
            "these are not the weights of ImageBind's text tower: missing "
            f'{sorted(missing)}, unknown {sorted(unknown)}')


def imagebind_text_part(
        state_dict: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """The weights of the text tower among those of all modalities.

    Args:
        state_dict (Mapping[str, Tensor]): All of ImageBind's weights, as in
            ``imagebind_huge.pth``, or the text tower's alone.

    Returns:
        dict[str, Tensor]: The text tower's, under the same names.

    Raises:
        ImageBindWeightsError: If a weight of the text tower is missing, or a
            name is neither the text tower's nor another modality's.
    """
    modality = {key: _KEY.match(key) for key in state_dict}
    text = {
        key: value
        for key, value in state_dict.items()
        if modality[key] and modality[key].group(1) == 'text'
    }
    names = _names(_count(_BLOCK, text))
    _check_names(
        names.keys() - text.keys(),
        {key for key in state_dict if not modality[key]} |
        (text.keys() - names.keys()))
    return text


def convert_imagebind_text(
        state_dict: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """Rename ImageBind's text weights for transformers.

    Args:
        state_dict (Mapping[str, Tensor]): All of ImageBind's weights, as in
            ``imagebind_huge.pth``, or the text tower's alone.

    Returns:
        dict[str, Tensor]: Copies, float32, under the names of
        ``CLIPTextModelWithProjection``, and ``log_logit_scale`` (), the
        logarithm of the factor that ImageBind multiplies with.

    Raises:
        ImageBindWeightsError: If a weight of the text tower is missing, a
            name is neither the text tower's nor another modality's, or a
            shape is impossible.
    """
    text = imagebind_text_part(state_dict)
    mask = text[_MASK]
    if mask.ndim != 2 or not torch.equal(
            mask, torch.full_like(mask, float('-inf')).triu(1)):
        raise ImageBindWeightsError(
            f'"{_MASK}" must be a causal attention mask, -inf above the '
            'diagonal and 0 elsewhere: transformers applies no other')
    converted = {}
    for old, new in _names(_count(_BLOCK, text)).items():
        value = text[old]
        if old == _POSITIONS:
            if value.ndim != 3 or len(value) != 1:
                raise ImageBindWeightsError(
                    f'"{old}" must have the shape (1, context, width), but '
                    f'has {tuple(value.shape)}')
            value = value[0]
        if len(new) > 1 and (value.ndim < 1 or len(value) % len(new)):
            raise ImageBindWeightsError(
                f'"{old}" must stack the weights of queries, keys and values, '
                f'but has the shape {tuple(value.shape)}')
        parts = value.chunk(len(new)) if len(new) > 1 else [value]
        for name, part in zip(new, parts):
            # copies: the parts may be of a file mapped into memory
            converted[name] = part.to(torch.float32, copy=True).contiguous()
    return converted


def read_imagebind_weights(path: str) -> ImageBindWeights:
    """Read the text weights from a file.

    Args:
        path (str): ``imagebind_huge.pth``, of which only the text tower is
            brought into memory, or a file that
            :func:`write_converted_weights` wrote.

    Returns:
        ImageBindWeights: The weights.

    Raises:
        FileNotFoundError: If there is no such file.
        ImageBindWeightsError: If the file is neither of the two, or broken.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f'ImageBind\'s weights are not at "{path}". Download '
            f'imagebind_huge.pth (4.8 GB; CC BY-NC-SA 4.0, non-commercial) '
            f'from {WEIGHTS_URL} and put it there, or say where it is.')
    if path.endswith('.safetensors'):
        return _read_converted(path)
    state_dict = read_state_dict(path, ImageBindWeightsError)
    try:
        text = imagebind_text_part(state_dict)
    except ImageBindWeightsError as error:
        raise ImageBindWeightsError(f'"{path}": {error}.') from error
    return ImageBindWeights(path, text, converted=False)


def _read_converted(path: str) -> ImageBindWeights:
    try:
        with safetensors.safe_open(path, framework='pt') as file:
            metadata = file.metadata() or {}
            if metadata.get('format') != FORMAT:
                raise ImageBindWeightsError(
                    'this is no converted file: its format is '
                    f'{metadata.get("format")!r}, expected {FORMAT!r}. '
                    'tools/model_converters/imagebind_text_to_clip.py writes '
                    'one')
            state_dict = {key: file.get_tensor(key) for key in file.keys()}
        names = _names(_count(_LAYER, state_dict)).values()
        names = {name for new in names for name in new}
        _check_names(names - state_dict.keys(), state_dict.keys() - names)
    except ImageBindWeightsError as error:
        raise ImageBindWeightsError(f'"{path}": {error}.') from error
    except safetensors.SafetensorError as error:
        raise ImageBindWeightsError(
            f'"{path}" cannot be read as a safetensors file ({error}).'
        ) from error
    return ImageBindWeights(
        path,
        state_dict,
        converted=True,
        num_heads=int(metadata['num_heads']),
        source_sha256=metadata['source_sha256'])


def default_num_heads(state_dict: Mapping[str, Tensor]) -> int:
    """Attention heads of ``imagebind_huge``, one for 64 channels.

    Args:
        state_dict (Mapping[str, Tensor]): ImageBind's text weights, or
            converted ones.

    Returns:
        int: The number, 16 for the width 1024.
    """
    width, = (
        value.shape[-1] for key, value in state_dict.items()
        if key.endswith('token_embedding.weight'))
    return max(1, width // HEAD_DIMS)


def write_converted_weights(path: str,
                            state_dict: Mapping[str, Tensor],
                            source_file: str,
                            source_sha256: str,
                            num_heads: Optional[int] = None) -> None:
    """Write converted weights with where they come from.

    The file appears under its name only once it is complete.

    Args:
        path (str): The file; its name must end with '.safetensors', by which
            it is told from a checkpoint. An existing one is replaced.
        state_dict (Mapping[str, Tensor]): From
            :func:`convert_imagebind_text`.
        source_file (str): ImageBind's file, of which the name is recorded.
        source_sha256 (str): Its SHA-256.
        num_heads (int, optional): Attention heads, which the weights don't
            tell. Defaults to None: one for 64 channels.

    Raises:
        ValueError: If the path has another ending.
    """
    if not path.endswith('.safetensors'):
        raise ValueError('the name of the converted file must end with '
                         f'".safetensors", but got "{path}".')
    metadata = dict(
        format=FORMAT,
        num_heads=str(num_heads or default_num_heads(state_dict)),
        source_file=os.path.basename(source_file),
        source_sha256=source_sha256)
    with atomic_write(path) as partial:
        safetensors.torch.save_file(dict(state_dict), partial, metadata)
