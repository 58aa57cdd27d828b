# Copyright (c) mmteso contributors. All rights reserved.
"""SAM as transformers builds and stores it."""
from typing import Any, Dict, Mapping, Optional

import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor, nn

from mmteso.io.hf_config import differing_fields, make_hf_config
from mmteso.io.hf_folder import WEIGHT_FILES, require_hf_files
from mmteso.optional import require
from .weights import from_pretrained, load_part

# What a folder's config may say otherwise than the model's: what matters in
# training only, what another field says too, a size that weights are brought
# to, and the normalisations' eps (see mmteso.models.converters.sam_settings).
_FREE = {
    'image_size', 'layer_norm_eps', 'attention_dropout', 'initializer_range',
    'mlp_ratio', 'num_pos_feats', 'scale'
}


def import_sam():
    """``transformers.models.sam.modeling_sam``; an ImportError if there is
    none.
    """
    return require('transformers.models.sam.modeling_sam', 'text')


def make_config(name: str, settings: Optional[Mapping[str, Any]] = None):
    """A configuration of SAM by its class's name; a misspelt field is an
    error. With PyTorch's own attention (``'sdpa'``).
    """
    config = make_hf_config(getattr(import_sam(), name), settings)
    config._attn_implementation = 'sdpa'
    return config


def read_sam_folder(folder: str) -> nn.Module:
    """Read a SAM, in float32, from a local folder in transformers' format, as
    ``tools/model_converters/sam_to_transformers.py`` writes it.

    Raises:
        FileNotFoundError: If there is no such folder, or no config or no
            weights in it.
        ValueError: If it holds another model, or its weights are not whole.
    """
    who = 'SAM, written by tools/model_converters/sam_to_transformers.py,'
    require_hf_files(folder, ['config.json'], who)
    require_hf_files(folder, WEIGHT_FILES, who)
    sam = import_sam()
    config = sam.SamConfig.get_config_dict(folder, local_files_only=True)[0]
    if config.get('model_type') != 'sam':
        raise ValueError(f'"{folder}" holds a model of the type '
                         f'{config.get("model_type")!r}, not a SAM')
    return from_pretrained(sam.SamModel, folder, local_files_only=True)


def load_sam_part(module: nn.Module, config, folder: str,
                  part: str) -> nn.Module:
    """Load the vision encoder or the mask decoder of a folder's SAM.

    At another image size than the folder's, the positional embeddings of the
    vision encoder are interpolated. Adapters keep their weights.

    Args:
        module (nn.Module): The part.
        config (PreTrainedConfig): What it was built from.
        folder (str): See :func:`read_sam_folder`.
        part (str): ``'vision_encoder'`` or ``'mask_decoder'``.

    Returns:
        SamModel: The whole SAM.

    Raises:
        ValueError: If the folder's part was built otherwise.
        RuntimeError: If a weight's shape is another.
    """
    sam = read_sam_folder(folder)
    stored = sam.config.vision_config if part == 'vision_encoder' \
        else sam.config.mask_decoder_config
    differing = differing_fields(config, stored, _FREE)
    if differing:
        raise ValueError(
            f'"{folder}" holds another SAM: of {part} the model\'s config and '
            f'the folder\'s say {differing}. Set vision_config of '
            "SAMImageEncoder, or decoder_config of TeSOSAMHead, to the "
            "folder's")
    state = getattr(sam, part).state_dict()
    if part == 'vision_encoder' and stored.image_size != config.image_size:
        print_log(
            f'positional embeddings of "{folder}" are interpolated from '
            f'{stored.image_size} to {config.image_size} pixels', 'current')
        state = resize_positions(state, module)
    load_part(module, state, folder)
    return sam


def resize_positions(state_dict: Dict[str, Tensor],
                     encoder: nn.Module) -> Dict[str, Tensor]:
    """Bring positional embeddings of an encoder for other images to a
    ``SamVisionEncoder`` (ours): ``pos_embed`` (1, h, w, C) bicubically and
    ``rel_pos_*`` (2 h - 1, C) linearly, as SAM's attention does.
    """
    wanted = encoder.state_dict()
    resized = dict(state_dict)
    for key, value in state_dict.items():
        target = wanted.get(key)
        if target is None or target.shape == value.shape:
            continue
        if key == 'pos_embed':
            resized[key] = F.interpolate(
                value.permute(0, 3, 1, 2),
                size=target.shape[1:3],
                mode='bicubic',
                align_corners=False).permute(0, 2, 3, 1)
        elif key.endswith(('.rel_pos_h', '.rel_pos_w')):
            resized[key] = F.interpolate(
                value.T[None], size=len(target), mode='linear')[0].T
    return resized
