# Copyright (c) mmteso contributors. All rights reserved.
"""Reads what PyTorch wrote, executing nothing of the file."""
import io
import math
import pickle
import zipfile
from typing import Dict, Optional, Type

import torch
from mmengine.fileio import get as read_bytes
from torch import Tensor


def read_state_dict(path: str,
                    error: Type[ValueError] = ValueError) -> Dict[str, Tensor]:
    """Read a file of weights by name, on the CPU.

    In torch's format since 1.6 the weights are mapped from the file, so that
    those which nobody touches take no memory.

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


class TensorPickleError(ValueError):
    """A file that isn't just one pickled tensor."""


class _TensorUnpickler(pickle.Unpickler):
    """Knows the three names of a saved tensor, and what is safe for each.

    What a saved tensor consists of hasn't changed since PyTorch 1.0::

        torch._utils._rebuild_tensor_v2(
            torch.storage._load_from_bytes(b'...'), offset, size, stride,
            requires_grad, collections.OrderedDict())

    PyTorch's own ``_load_from_bytes`` would unpickle the bytes.
    """

    def find_class(self, module: str, name: str):
        admitted = {
            'torch._utils._rebuild_tensor_v2': self._tensor,
            'torch.storage._load_from_bytes': self._storage,
            'collections.OrderedDict': tuple  # the backward hooks: none
        }
        if f'{module}.{name}' not in admitted:
            raise TensorPickleError(f'it refers to "{module}.{name}"')
        return admitted[f'{module}.{name}']

    @staticmethod
    def _storage(data: bytes) -> Tensor:
        """The numbers, as a flat tensor."""
        storage = torch.load(
            io.BytesIO(data), map_location='cpu', weights_only=True)
        if not isinstance(storage, torch.storage.TypedStorage):
            raise TensorPickleError(
                f'it holds {type(storage).__name__} in place of numbers')
        return torch.empty(0, dtype=storage.dtype).set_(storage)

    @staticmethod
    def _tensor(flat: Tensor, offset: int, size: tuple, stride: tuple,
                requires_grad: bool, hooks: tuple) -> Tensor:
        # as_strided refuses what lies beyond the numbers; without this line
        # a stride of 0 makes any number of copies of them
        if math.prod(size) > flat.numel():
            raise TensorPickleError(f'a tensor {size} is made of '
                                    f'{flat.numel()} numbers')
        return flat.as_strided(size, stride, offset).clone(
            memory_format=torch.contiguous_format)


def load_tensor_pickle(path: str,
                       backend_args: Optional[dict] = None) -> Tensor:
    """Read a pickled tensor, such as the log-mels that AVSBench hands out.

    Args:
        path (str): A file written by ``pickle.dump(tensor, file)``.
        backend_args (dict, optional): Those of mmengine's file backend.

    Returns:
        Tensor: The tensor on the CPU, contiguous, and without gradient
        whether or not it was saved with ``requires_grad=True``.

    Raises:
        FileNotFoundError: If there is no such file.
        TensorPickleError: If the file is anything but one pickled tensor.
    """
    try:
        file = io.BytesIO(read_bytes(path, backend_args=backend_args))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'The tensor file "{path}" does not exist.') from error
    try:
        tensor = _TensorUnpickler(file).load()
        if not isinstance(tensor, Tensor):
            raise TensorPickleError(f'it holds {type(tensor).__name__}')
    except Exception as error:  # as varied as the ways to break a file
        raise TensorPickleError(
            f'"{path}" is no tensor written by pickle.dump: {error}.\n'
            'Nothing of it was executed. If you trust it, read it and write '
            'the tensor alone.') from error
    return tensor
