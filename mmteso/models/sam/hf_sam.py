# Copyright (c) mmteso contributors. All rights reserved.
"""SAM as transformers builds and stores it."""
import os
from typing import Any, Mapping, Optional

from torch import nn

from mmteso.io.hf_config import differing_fields, make_hf_config
from mmteso.optional import require

CONVERTER = ('python tools/model_converters/sam_to_transformers.py '
             'sam_vit_b_01ec64.pth FOLDER')
# What a folder's config may say otherwise than the model's: what matters in
# training only, what another field says too, a size that weights are brought
# to, and the normalisations' eps (see mmteso.models.converters.sam_settings).
_FREE = {
    'image_size', 'layer_norm_eps', 'attention_dropout', 'initializer_range',
    'mlp_ratio', 'num_pos_feats', 'scale'
}


def import_sam():
    """Import transformers' SAM.

    Returns:
        module: ``transformers.models.sam.modeling_sam``.

    Raises:
        ImportError: If transformers is not installed.
    """
    return require('transformers.models.sam.modeling_sam', 'text')


def make_config(name: str, settings: Optional[Mapping[str, Any]] = None):
    """Build a configuration of transformers; a misspelt field is an error.

    Args:
        name (str): Its class, such as ``'SamVisionConfig'``.
        settings (Mapping, optional): Its fields that are not as in SAM ViT-B.
            Defaults to None: all are.

    Returns:
        PreTrainedConfig: With PyTorch's own attention (``'sdpa'``).

    Raises:
        ValueError: If there is no such field.
    """
    config = make_hf_config(getattr(import_sam(), name), settings)
    config._attn_implementation = 'sdpa'
    return config


def read_sam_folder(folder: str) -> nn.Module:
    """Read a SAM from a folder in transformers' format; nothing is downloaded.

    Args:
        folder (str): With ``config.json`` and ``model.safetensors``, such as a
            local copy of ``facebook/sam-vit-base``, or as
            ``tools/model_converters/sam_to_transformers.py`` writes it.

    Returns:
        SamModel: In float32, on the CPU.

    Raises:
        FileNotFoundError: If there is no such folder, or no config in it.
        ValueError: If it holds another model, or its weights are not whole.
    """
    advice = (f'Convert sam_vit_b_01ec64.pth ({CONVERTER}), or copy '
              'facebook/sam-vit-base of the Hugging Face Hub there')
    if os.path.isfile(folder):
        raise ValueError(
            f'SAM is read from a folder in transformers\' format, but '
            f'"{folder}" is a file. Convert Meta\'s checkpoint: {CONVERTER}')
    if not os.path.isfile(os.path.join(folder, 'config.json')):
        raise FileNotFoundError(
            f'SAM\'s weights are not in the folder "{folder}" (no '
            f'config.json). {advice}')
    sam = import_sam()
    config = sam.SamConfig.get_config_dict(folder, local_files_only=True)[0]
    if config.get('model_type') != 'sam':
        raise ValueError(f'"{folder}" holds a model of the type '
                         f'{config.get("model_type")!r}, not a SAM ("sam")')
    try:
        model, report = sam.SamModel.from_pretrained(
            folder, local_files_only=True, output_loading_info=True)
    except OSError as error:
        raise FileNotFoundError(f'SAM\'s weights are not in the folder '
                                f'"{folder}" ({error}). {advice}') from error
    wrong = {
        kind: sorted(map(str, report[kind]))
        for kind in ('missing_keys', 'unexpected_keys', 'mismatched_keys')
        if report.get(kind)
    }
    if wrong:
        # transformers fills what is missing with random numbers
        raise ValueError(f'"{folder}" does not hold the weights of a whole '
                         f'SAM: {wrong}')
    return model.float()


def check_structure(config, folder_config, folder: str, where: str) -> None:
    """Compare a model's configuration with that of a folder's weights.

    Shapes alone don't tell: numbers of heads and activations leave no trace
    in them.

    Args:
        config (PreTrainedConfig): The model's.
        folder_config (PreTrainedConfig): The folder's.
        folder (str): For the message.
        where (str): Which argument to change, for the message.

    Raises:
        ValueError: If they describe different networks.
    """
    differing = differing_fields(config, folder_config, _FREE)
    if differing:
        raise ValueError(
            f'"{folder}" holds another SAM than the model\'s config says; '
            'the config\'s and the folder\'s '
            f'{dict(differing)}. Set {where} to the folder\'s values.')
