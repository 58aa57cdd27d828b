# Copyright (c) mmteso contributors. All rights reserved.
import hashlib

import torch
from torch import nn


def state_sha256(module: nn.Module) -> str:
    """Fingerprint of a module's weights, wherever they came from.

    A file's hash can't be told from the weights in memory, which may also
    come from a checkpoint of the whole model. This one covers the names,
    types, shapes and bits of all parameters and buffers that a state dict
    holds, in its order; the device does not matter.

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
