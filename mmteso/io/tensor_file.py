# Copyright (c) mmteso contributors. All rights reserved.
import os
from typing import Mapping

from torch import Tensor


def import_safetensors():
    """safetensors' PyTorch side, or a word on how to get it."""
    try:
        import safetensors
        import safetensors.torch
    except ImportError as error:
        raise ImportError(
            'Feature files need the package "safetensors", which is not '
            'installed: pip install safetensors') from error
    return safetensors


def write_tensor_file(path: str, tensors: Mapping[str, Tensor],
                      metadata: Mapping[str, str]) -> None:
    """Write a safetensors file, which appears only once it is complete.

    Args:
        path (str): The file; an existing one is replaced.
        tensors (Mapping[str, Tensor]): Contiguous tensors that share no
            memory.
        metadata (Mapping[str, str]): Strings by string.
    """
    safetensors = import_safetensors()
    partial = f'{path}.partial'
    with open(partial, 'wb') as file:
        usual = os.fstat(file.fileno()).st_mode
    safetensors.torch.save_file(
        dict(tensors), partial, metadata=dict(metadata))
    # safetensors 0.8 leaves files that nobody but their owner can read
    os.chmod(partial, usual & 0o777)
    os.replace(partial, path)
