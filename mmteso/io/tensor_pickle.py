# Copyright (c) mmteso contributors. All rights reserved.
"""Reading a pickled tensor without executing pickle code.

AVSBench hands out log-mel spectrograms as pickled tensors. ``pickle.load``
would run whatever such a file says. Here a file passes three gates:

1. Only the instructions that a saved tensor consists of are admitted, so
   nothing can be built, changed or called but by way of gate 2.
2. Only the three names that a saved tensor refers to are admitted, and they
   lead to functions of this module, not to the ones that were named.
3. The numbers lie inside the pickle as a file of its own, in ``torch.save``'s
   first format; that one passes the same gates before ``torch.load`` reads it
   with ``weights_only=True``.

What a saved tensor consists of hasn't changed from PyTorch 1.0 to today::

    torch._utils._rebuild_tensor_v2(
        torch.storage._load_from_bytes(b'...'), offset, size, stride,
        requires_grad, collections.OrderedDict())
"""
import io
import pickle
import pickletools
from typing import NoReturn, Optional

import torch
from mmengine.fileio import get as read_bytes
from torch import Tensor

# LONG_BINPUT and PUT are left out on purpose: one of them can make the
# unpickler reserve gigabytes for its memo.
_TENSOR_OPCODES = frozenset((
    'PROTO', 'FRAME', 'STOP', 'GLOBAL', 'STACK_GLOBAL', 'REDUCE', 'MARK',
    'TUPLE', 'TUPLE1', 'TUPLE2', 'TUPLE3', 'EMPTY_TUPLE', 'BINPUT', 'BINGET',
    'MEMOIZE', 'SHORT_BINUNICODE', 'BINUNICODE', 'SHORT_BINBYTES', 'BINBYTES',
    'BININT', 'BININT1', 'BININT2', 'NEWTRUE', 'NEWFALSE', 'NONE'))

# torch.save's first format: magic number, version, byte order and type
# sizes, storage (by persistent id), keys; then the numbers.
_STORAGE_MAGIC = pickle.dumps(0x1950a86a20f9469cfc6c, protocol=2)
_STORAGE_PICKLES = 5
_STORAGE_OPCODES = frozenset(
    ('PROTO', 'STOP', 'GLOBAL', 'LONG1', 'BININT', 'BININT1', 'BININT2',
     'EMPTY_DICT', 'SETITEMS', 'EMPTY_LIST', 'APPEND', 'MARK', 'TUPLE',
     'BINPUT', 'BINGET', 'BINUNICODE', 'NEWTRUE', 'NEWFALSE', 'NONE',
     'BINPERSID'))
_STORAGE_NAMES = frozenset(
    f'torch.{kind}Storage'
    for kind in ('BFloat16', 'Bool', 'Byte', 'Char', 'Double', 'Float', 'Half',
                 'Int', 'Long', 'Short'))

_OTHER_FORMATS = {
    b'\x1f\x8b': 'a gzip file',
    b'PK\x03\x04': 'a file of torch.save or another zip archive',
    b'\x93NUMPY': 'a NumPy file',
    b'RIFF': 'a wav file',
}


class TensorPickleError(ValueError):
    """A file that isn't just one pickled tensor."""


def _refuse(path: str, what: str) -> NoReturn:
    raise TensorPickleError(
        f'"{path}" {what}. Only a single tensor, pickled by pickle.dump with '
        'protocol 3 or later, is read; nothing of the file was executed. If '
        'you trust it, convert it yourself.')


def _check_stream(path: str, file: io.BytesIO, opcodes: frozenset,
                  names: frozenset) -> None:
    """Check one pickle up to its end, where the file is left."""
    strings = []
    try:
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name == 'GLOBAL':
                name = argument.replace(' ', '.', 1)
            elif opcode.name == 'STACK_GLOBAL':
                # Names fetched from the memo are seen by find_class only.
                name = '.'.join(strings[-2:])
            else:
                name = None
            if name is not None and name not in names:
                _refuse(path, f'refers to "{name}", which is no part of a '
                        'saved tensor')
            if opcode.name not in opcodes:
                _refuse(path, f'contains the pickle instruction {opcode.name},'
                        ' which is no part of a saved tensor')
            if isinstance(argument, str):
                strings.append(argument)
    except TensorPickleError:
        raise
    except Exception as error:  # genops raises whatever the bytes provoke
        raise TensorPickleError(
            f'"{path}" is broken or no pickle ({error}).') from error


class _TensorUnpickler(pickle.Unpickler):
    """Unpickler that can do nothing but make a tensor."""

    def __init__(self, path: str, file: io.BytesIO) -> None:
        super().__init__(file)
        self.path = path

    def find_class(self, module: str, name: str):
        admitted = {
            'torch._utils._rebuild_tensor_v2': self.make_tensor,
            'torch.storage._load_from_bytes': self.make_storage,
            'collections.OrderedDict': self.make_hooks
        }
        if f'{module}.{name}' not in admitted:
            _refuse(
                self.path, f'refers to "{module}.{name}", which is no '
                'part of a saved tensor')
        return admitted[f'{module}.{name}']

    def make_hooks(self) -> tuple:
        """The tensor's backward hooks: none."""
        return ()

    def make_storage(self, data: bytes) -> Tensor:
        """The numbers, as a flat tensor."""
        if not isinstance(data, bytes) or not data.startswith(_STORAGE_MAGIC):
            _refuse(self.path, 'holds numbers in an unknown format')
        file = io.BytesIO(data)
        for _ in range(_STORAGE_PICKLES):
            _check_stream(self.path, file, _STORAGE_OPCODES, _STORAGE_NAMES)
        storage = torch.load(
            io.BytesIO(data), map_location='cpu', weights_only=True)
        if not isinstance(storage, torch.storage.TypedStorage):
            _refuse(self.path, f'holds {type(storage).__name__} in place of '
                    'numbers')
        flat = torch.empty(0, dtype=storage.dtype, device='cpu')
        return flat.set_(storage)

    def make_tensor(self, flat, offset, size, stride, requires_grad, hooks,
                    metadata=None) -> Tensor:
        """The tensor, after a check that it lies within its numbers.

        PyTorch's own function would enlarge the storage instead, with
        whatever the memory holds.
        """
        steps = (offset, *size, *stride)
        if (not isinstance(flat, Tensor) or len(size) != len(stride)
                or not all(type(step) is int and step >= 0 for step in steps)
                or metadata is not None):
            _refuse(self.path, 'describes a tensor of an unknown kind')
        count, last = 1, offset
        for length, step in zip(size, stride):
            count *= length
            last += (length - 1) * step
        if count > flat.numel() or (count and last >= flat.numel()):
            _refuse(
                self.path, f'describes a tensor {size} of stride {stride} '
                f'that exceeds the {flat.numel()} numbers it holds')
        return flat.as_strided(size, stride, offset).clone(
            memory_format=torch.contiguous_format)


def load_tensor_pickle(path: str,
                       backend_args: Optional[dict] = None) -> Tensor:
    """Read a pickled tensor without executing pickle code.

    Args:
        path (str): A file written by ``pickle.dump(tensor, file)``, as
            AVSBench's log-mels are.
        backend_args (dict, optional): Arguments of mmengine's file backend.
            Defaults to None.

    Returns:
        Tensor: The tensor on the CPU, contiguous, and without gradient
        whether or not it was saved with ``requires_grad=True``.

    Raises:
        FileNotFoundError: If there is no such file.
        TensorPickleError: If the file is anything but one pickled tensor. The
            message names what was refused.
    """
    try:
        data = read_bytes(path, backend_args=backend_args)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'The tensor file "{path}" does not exist.') from error
    for start, kind in _OTHER_FORMATS.items():
        if data.startswith(start):
            _refuse(path, f'is {kind}, no pickled tensor')
    file = io.BytesIO(data)
    names = frozenset(
        ('torch._utils._rebuild_tensor_v2', 'torch.storage._load_from_bytes',
         'collections.OrderedDict'))
    _check_stream(path, file, _TENSOR_OPCODES, names)
    if file.read(1):
        _refuse(path, 'goes on after the end of its pickle')
    try:
        tensor = _TensorUnpickler(path, io.BytesIO(data)).load()
    except TensorPickleError:
        raise
    except Exception as error:  # as varied as the ways to break a file
        raise TensorPickleError(
            f'"{path}" is broken: {error}.') from error
    if not isinstance(tensor, Tensor):
        _refuse(path, 'ends with something else than a tensor')
    return tensor
