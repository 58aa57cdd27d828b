# Copyright (c) mmteso contributors. All rights reserved.
"""Weights of parts of a model: load them whole, tell them apart."""
import hashlib
from typing import Dict

import torch
from torch import Tensor, nn


def load_part(module: nn.Module, state_dict: Dict[str, Tensor],
              source: str) -> None:
    """Load all weights of a part; only adapters' may be missing.

    Args:
        module (nn.Module): The part.
        state_dict (dict[str, Tensor]): Its weights.
        source (str): Where they come from, for the message.

    Raises:
        RuntimeError: If a weight is missing, unknown or of another shape.
    """
    try:
        missing, unknown = module.load_state_dict(state_dict, strict=False)
    except RuntimeError as error:
        raise RuntimeError(
            f'the weights in "{source}" do not fit: {error}') from error
    missing = [key for key in missing if '.adapter.' not in key]
    if missing or unknown:
        raise RuntimeError(f'the weights in "{source}" do not fit: missing '
                           f'{missing}, unknown {unknown}')


def require_same_names(module: nn.Module, state_dict: Dict[str, Tensor],
                       prefix: str) -> None:
    """Refuse a checkpoint whose names for a transformers model are others.

    Checkpoints are loaded with ``strict=False``: weights under the names of
    another version of transformers would be left random, with a warning.

    Args:
        module (nn.Module): The part that wraps the model.
        state_dict (dict[str, Tensor]): The checkpoint.
        prefix (str): What the part's names begin with in it.

    Raises:
        RuntimeError: If the checkpoint has weights of the part, but others
            than the part's own. Those of adapters may be missing.
    """
    found = {
        key[len(prefix):]
        for key in state_dict if key.startswith(prefix)
    }
    wrong = {
        key
        for key in found ^ module.state_dict().keys()
        if '.adapter.' not in key
    }
    if found and wrong:
        raise RuntimeError(
            f'the checkpoint\'s {prefix}* are not the weights of this '
            f'{type(module).__name__} as the installed transformers names '
            f'them: {sorted(wrong)[:3]}, ... are missing or unknown. Take the '
            'model and the version of transformers that it was trained with')


def state_sha256(module: nn.Module) -> str:
    """Fingerprint of a module's weights, wherever they came from.

    Covers the names, types, shapes and bits of all that a state dict holds,
    in its order; the device does not matter.

    Args:
        module (nn.Module): The module.

    Returns:
        str: SHA-256 in hex; '' for a module without weights.
    """
    state = module.state_dict()
    if not state:
        return ''
    digest = hashlib.sha256()
    for name, tensor in state.items():
        tensor = tensor.detach().cpu().contiguous()
        digest.update(f'{name}|{tensor.dtype}|{tuple(tensor.shape)}|'.encode())
        # as bytes, because NumPy has no bfloat16
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
