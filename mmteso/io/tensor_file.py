# Copyright (c) mmteso contributors. All rights reserved.
import json
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

    The same content gives the same bytes.

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
    _sort_header(partial)
    # safetensors 0.8 leaves files that nobody but their owner can read
    os.chmod(partial, usual & 0o777)
    os.replace(partial, path)


def _sort_header(path: str) -> None:
    """Bring the metadata, which safetensors writes in any order, into one."""
    with open(path, 'r+b') as file:
        size = int.from_bytes(file.read(8), 'little')
        header = json.loads(file.read(size))
        header['__metadata__'] = dict(sorted(header['__metadata__'].items()))
        text = json.dumps(header, separators=(',', ':'), ensure_ascii=False)
        file.seek(8)
        file.write(text.encode().ljust(size))
