# Copyright (c) mmteso contributors. All rights reserved.
"""Reads weights that ``torch.save`` wrote, and nothing but weights."""
import zipfile
from typing import Dict, Type

import torch
from torch import Tensor


def read_state_dict(path: str,
                    error: Type[ValueError] = ValueError) -> Dict[str, Tensor]:
    """Read a file of weights by name, on the CPU.

    Nothing in the file is executed. In torch's format since 1.6 the weights
    are mapped from the file, so that those which nobody touches take no
    memory.

    Args:
        path (str): The file.
        error (type): The exception to raise. Defaults to ValueError.

    Returns:
        dict[str, Tensor]: The weights.

    Raises:
        error: If the file is broken or holds anything else.
    """
    try:
        state_dict = torch.load(
            path,
            map_location='cpu',
            weights_only=True,
            mmap=zipfile.is_zipfile(path))
    except Exception as cause:  # as varied as the ways to break a file
        raise error(f'"{path}" cannot be read as a checkpoint; is the '
                    f'download complete? ({cause})') from cause
    if not isinstance(state_dict, dict) or not all(
            isinstance(key, str) and isinstance(value, Tensor)
            for key, value in state_dict.items()):
        raise error(f'"{path}" does not hold weights by name')
    return state_dict
