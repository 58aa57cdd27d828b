# Copyright (c) mmteso contributors. All rights reserved.
"""Reads what PyTorch wrote, executing nothing of the file."""
import io
import math
import os
import pickle
import re
import shlex
import zipfile
from typing import Any, BinaryIO, Dict, Optional, Type, Union

import numpy as np
import safetensors.torch
import torch
from mmengine.fileio import get as read_bytes
from mmengine.logging import HistoryBuffer
from torch import Tensor

_NUMBERS_AND_TEXT = 'biufcSU'  # kinds of NumPy's types


class CheckpointError(ValueError):
    """A checkpoint that is broken, or that can be read by trust alone."""


class _DType(str):
    """Stands for a NumPy type. Its real ``__setstate__`` would believe any
    size and flags, and an array of it then any bytes to be addresses."""

    def __new__(cls, name: str, *_: Any) -> '_DType':
        if np.dtype(name).kind not in _NUMBERS_AND_TEXT:
            raise pickle.UnpicklingError(f'GLOBAL numpy.dtype({name!r})')
        return super().__new__(cls, name)

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1]

    def real(self) -> np.dtype:
        return np.dtype(str(self)).newbyteorder(getattr(self, 'order', '='))

    def __reduce__(self) -> Any:
        return self.real().__reduce__()


class _Array(np.ndarray):
    """Stands for an array, of which it makes a real one."""

    def __new__(cls, *_: Any) -> '_Array':
        return super().__new__(cls, 0)

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, content = state
        made: Any = np.ndarray(
            shape, kind.real(), content, order='F' if fortran else 'C')
        super().__setstate__(made.__reduce__()[2])

    def __reduce__(self) -> Any:
        return np.array(self).__reduce__()


def _scalar(kind: _DType, content: bytes) -> Any:
    return np.ndarray((), kind.real(), content)[()]


class _History(HistoryBuffer):
    """Stands for mmengine's buffer, and becomes one."""

    def __setstate__(self, state: dict) -> None:
        # without its methods, which HistoryBuffer would register for all
        self.__init__(state['_log_history'],  # type: ignore[misc]
                      state['_count_history'], state['max_length'])
        self.__class__ = HistoryBuffer  # type: ignore[assignment]


def _method(owner: Any, name: str) -> None:
    """Stands for the methods in a HistoryBuffer's state."""
    if owner is not _History:
        raise pickle.UnpicklingError(f'GLOBAL builtins.getattr({owner!r})')


def _no_bytes() -> bytes:
    """Stands for bytes as Python 2's format has empty ones."""
    return b''


# What of other packages is in checkpoints of ours and of OpenMMLab's: by the
# names in the file, what is called in their place.
_STAND_INS = [
    (_History, 'mmengine.logging.history_buffer.HistoryBuffer'),
    (_method, 'builtins.getattr'),
    (_no_bytes, 'builtins.bytes'),
    (_Array, 'numpy.ndarray'),
    (_DType, 'numpy.dtype'),
    *((stand_in, f'numpy.{core}.multiarray.{name}')
      for core in ('core', '_core')  # NumPy 1 and 2
      for stand_in, name in ((_Array, '_reconstruct'), (_scalar, 'scalar')))
]


def read_checkpoint(file: Union[str, os.PathLike, BinaryIO],
                    map_location: Any = 'cpu',
                    mmap: bool = False) -> Any:
    """Read a checkpoint of PyTorch, or a safetensors file (tensors by name).

    Tensors and plain types are read, NumPy's numbers, arrays and types (these
    as their names), and mmengine's ``HistoryBuffer``; and types that somebody
    gave to :func:`torch.serialization.add_safe_globals`. What else there is
    could run code, and is refused.

    ``map_location`` is as of :func:`torch.load`; ``mmap`` maps the tensors
    from the file, where its format allows it. A FileNotFoundError if there is
    no such file, a CheckpointError if it is broken, or holds other types.
    """
    name = file if isinstance(file, (str, os.PathLike)) else 'the file'
    try:
        if str(name).endswith('.safetensors'):
            known = isinstance(map_location, (str, torch.device))
            return safetensors.torch.load_file(
                name, device=str(map_location) if known else 'cpu')
        with torch.serialization.safe_globals(_STAND_INS):
            return torch.load(
                file,
                map_location=map_location,
                weights_only=True,
                mmap=mmap and zipfile.is_zipfile(file))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'There is no checkpoint "{name}".') from error
    except Exception as error:  # as varied as the ways to break a file
        other = re.search(r'GLOBAL (\S+)', str(error))
        if other is None:
            # without PyTorch's advice to read it by all means
            cause = str(error).split('WeightsUnpickler error:')[-1]
            cause = ' '.join(cause.split('Check the documentation')[0].split())
            raise CheckpointError(
                f'"{name}" cannot be read as a checkpoint; is the download '
                f'complete? ({cause:.200})') from error
        raise CheckpointError(
            f'"{name}" was not read: it holds {other[1]}, and what is no '
            'tensor, plain type or number of NumPy could run code. If you '
            'trust it, write a file without:\n  python tools/'
            f'model_converters/trusted_to_plain.py {shlex.quote(str(name))} '
            'OUT.pth --trust') from None


def read_state_dict(path: str,
                    error: Type[ValueError] = ValueError) -> Dict[str, Tensor]:
    """Read a file of weights by name, of PyTorch or safetensors, on the CPU.

    In torch's format since 1.6 the weights are mapped from the file, so that
    those which nobody touches take no memory. Whatever is wrong, that the file
    isn't there, broken or holds anything else, is raised as ``error``.
    """
    try:
        state_dict = read_checkpoint(path, mmap=True)
    except (OSError, ValueError) as cause:
        raise error(str(cause)) from cause
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
    """Read a file written by ``pickle.dump(tensor, file)``, such as the
    log-mels that AVSBench hands out.

    The tensor is on the CPU, contiguous, and without gradient whether or not
    it was saved with ``requires_grad=True``. A FileNotFoundError if there is
    no such file, a TensorPickleError if it is anything but one pickled tensor.
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
