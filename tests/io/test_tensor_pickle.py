# Copyright (c) mmteso contributors. All rights reserved.
import builtins
import collections
import gzip
import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch

from mmteso.io import TensorPickleError, load_tensor_pickle

MAGIC = 0x1950a86a20f9469cfc6c


@pytest.fixture
def marker(tmp_path):
    """A file that malicious pickles try to make."""
    path = tmp_path / 'executed'
    yield str(path)
    assert not path.exists(), 'pickle code was executed'


@pytest.fixture
def save(tmp_path):
    """Write bytes or the pickle of an object, return the path."""

    def _save(content, protocol=4):
        path = tmp_path / 'lm.pkl'
        if not isinstance(content, bytes):
            content = pickle.dumps(content, protocol)
        path.write_bytes(content)
        return str(path)

    return _save


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


class FromBytes:
    """Pickles as a storage with the given bytes."""

    def __init__(self, data):
        self.data = data

    def __reduce__(self):
        return torch.storage._load_from_bytes, (self.data, )


def rebuilt(storage, offset=0, size=(4, ), stride=(1, ), *more):
    return Call(torch._utils._rebuild_tensor_v2, storage, offset, size,
                stride, True, collections.OrderedDict(), *more)


def storage_bytes(numbers, description=None):
    """torch.save's first format, written by hand as PyTorch 1.0 did."""
    file = io.BytesIO()

    class Pickler(pickle.Pickler):

        def persistent_id(self, obj):
            if obj is numbers:
                return ('storage', torch.FloatStorage, '94', 'cuda:0',
                        len(numbers), None)

    pickle.dump(MAGIC, file, 2)
    pickle.dump(1001, file, 2)
    pickle.dump(
        dict(
            protocol_version=1001,
            little_endian=True,
            type_sizes=dict(short=2, int=4, long=4)), file, 2)
    Pickler(file, 2).dump(numbers if description is None else description)
    pickle.dump(['94'], file, 2)
    file.write(struct.pack(f'<q{len(numbers)}f', len(numbers), *numbers))
    return file.getvalue()


@pytest.mark.parametrize('protocol', [3, 4, 5])
@pytest.mark.parametrize('requires_grad', [True, False])
def test_reads_what_avsbench_writes(save, protocol, requires_grad):
    tensor = torch.randn(5, 1, 96, 64, requires_grad=requires_grad)
    loaded = load_tensor_pickle(save(tensor, protocol))
    assert type(loaded) is torch.Tensor and not loaded.requires_grad
    assert torch.equal(loaded, tensor)


def test_reads_what_old_versions_wrote(save):
    data = storage_bytes([1., 2., 3., 4.])
    loaded = load_tensor_pickle(
        save(rebuilt(FromBytes(data), 0, (2, 2), (2, 1)), 3))
    assert torch.equal(loaded, torch.tensor([[1., 2], [3, 4]]))


@pytest.mark.parametrize('dtype', [
    torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8,
    torch.bool
])
def test_reads_views_and_other_types(save, dtype):
    tensor = torch.arange(12).reshape(3, 4).to(dtype).t()[1:]
    loaded = load_tensor_pickle(save(tensor))
    assert loaded.dtype == dtype and torch.equal(loaded, tensor)
    assert loaded.is_contiguous()
    empty = load_tensor_pickle(save(torch.zeros(0, 3, dtype=dtype)))
    assert empty.shape == (0, 3)


@pytest.mark.parametrize('protocol', [0, 2, 4])
@pytest.mark.parametrize('name, function', [
    (f'{os.system.__module__}.system', os.system),
    ('builtins.eval', eval),
    ('builtins.getattr', getattr),
    ('builtins.__import__', builtins.__import__),
    ('torch.serialization.load', torch.load),
    ('_?io.open', io.open),
])
def test_code_is_refused_by_name(save, marker, name, function, protocol):
    command = f'open({marker!r}, "w")'
    if function is os.system:
        command = f'touch {marker}'
    path = save(Call(function, command), protocol)
    # what Python 2 called builtins, as protocols below 3 write it
    name = name.replace('builtins', '(builtins|__builtin__)')
    with pytest.raises(
            TensorPickleError, match=f'lm.pkl" refers to "{name}"'):
        load_tensor_pickle(path)


def test_code_beside_a_tensor_is_refused(save, marker):
    evil = Call(os.system, f'touch {marker}')
    data = storage_bytes([1., 2., 3., 4.])
    for content in ((torch.zeros(3), evil), rebuilt(evil),
                    rebuilt(FromBytes(data), 0, evil),
                    rebuilt(FromBytes(data), 0, (4, ), (1, ), evil)):
        with pytest.raises(TensorPickleError, match='refers to ".*system"'):
            load_tensor_pickle(save(content))


def test_code_within_the_numbers_is_refused(save, marker):
    evil = Call(os.system, f'touch {marker}')
    good = storage_bytes([1., 2., 3., 4.])
    magic = pickle.dumps(MAGIC, 2)
    saved = io.BytesIO()
    torch.save(evil, saved, _use_new_zipfile_serialization=False)
    zipped = io.BytesIO()
    torch.save(evil, zipped)
    keys = pickle.dumps(['94'], 2)
    assert good.count(keys) == 1
    cases = [
        (pickle.dumps(evil), 'numbers in an unknown format'),
        (zipped.getvalue(), 'numbers in an unknown format'),
        (saved.getvalue(), 'refers to ".*system"'),
        (magic + pickle.dumps(evil, 2), 'refers to ".*system"'),
        (storage_bytes([1.], evil), 'refers to ".*system"'),
        (good.replace(keys, pickle.dumps(evil, 2)), 'refers to ".*system"'),
    ]
    for data, message in cases:
        with pytest.raises(TensorPickleError, match=message):
            load_tensor_pickle(save(rebuilt(FromBytes(data))))


def test_a_name_that_the_scan_cannot_see_is_refused(save, marker):
    """The name comes from the memo, with admitted strings pushed after."""

    def text(string):
        return b'\x8c' + bytes([len(string)]) + string.encode()

    content = (b'\x80\x04' + text(os.system.__module__) + b'\x94' +
               text('system') + b'\x94' + text('collections') +
               text('OrderedDict') + b'h\x00h\x01\x93' +
               text(f'touch {marker}') + b'\x85R.')
    with pytest.raises(TensorPickleError, match='refers to ".*system"'):
        load_tensor_pickle(save(content))


@pytest.mark.parametrize('content, opcode', [
    (dict(a=1), 'EMPTY_DICT'),
    ([1], 'EMPTY_LIST'),
    (b'\x80\x04]\x94.', 'EMPTY_LIST'),
    (b'\x80\x04Nr\xff\xff\xff\x7f.', 'LONG_BINPUT'),
    (b'\x80\x04N}b.', 'EMPTY_DICT'),
    (b'\x80\x04NNb.', 'BUILD'),
    (b'\x80\x04NQ.', 'BINPERSID'),
    (b'\x80\x04\x82\x01.', 'EXT1'),
    (b'(cos\nsystem\no.', None),
    (b'(S"touch x"\nios\nsystem\n.', 'STRING'),
    (b'I1\n.', 'INT'),
])
def test_other_instructions_are_refused_by_name(save, content, opcode):
    message = (f'the pickle instruction {opcode}'
               if opcode else 'refers to "os.system"')
    with pytest.raises(TensorPickleError, match=message):
        load_tensor_pickle(save(content))


def test_other_objects_are_refused_by_name(save):
    cases = [
        (np.zeros(3), r'numpy.*multiarray'),
        (torch.nn.Parameter(torch.zeros(2)), '_rebuild_parameter'),
        (torch.zeros(2).to_sparse(), '_rebuild_sparse_tensor'),
        (torch.nn.Linear(1, 1), 'Linear'),
        (torch.complex(torch.zeros(2), torch.ones(2)), 'ComplexFloatStorage'),
        ((torch.zeros(2), torch.zeros(2)), 'something else than a tensor'),
        (None, 'something else than a tensor'),
    ]
    for content, message in cases:
        with pytest.raises(TensorPickleError, match=message):
            load_tensor_pickle(save(content))


def test_other_files_are_refused_by_kind(save):
    zipped, saved, array = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, 'w') as archive:
        archive.writestr('a', 'b')
    torch.save(torch.zeros(2), saved)
    np.save(array, np.zeros(2))
    cases = [
        (gzip.compress(pickle.dumps(torch.zeros(2))), 'a gzip file'),
        (zipped.getvalue(), 'zip archive'),
        (saved.getvalue(), 'torch.save'),
        (array.getvalue(), 'a NumPy file'),
        (b'RIFF....', 'a wav file'),
        (b'', 'broken or no pickle'),
        (b'\xff\xfe', 'broken or no pickle'),
    ]
    for content, message in cases:
        with pytest.raises(TensorPickleError, match=message):
            load_tensor_pickle(save(content))


def test_every_truncation_is_an_error(save):
    content = pickle.dumps(torch.arange(4.))
    for length in range(len(content)):
        with pytest.raises(TensorPickleError, match='lm.pkl'):
            load_tensor_pickle(save(content[:length]))
    with pytest.raises(TensorPickleError, match='goes on after the end'):
        load_tensor_pickle(save(content + b'x'))


def test_truncated_numbers_are_an_error(save):
    data = storage_bytes([1., 2., 3., 4.])
    for length in range(len(data)):
        with pytest.raises(TensorPickleError, match='lm.pkl'):
            load_tensor_pickle(save(rebuilt(FromBytes(data[:length]))))


@pytest.mark.parametrize('offset, size, stride', [
    (0, (5, ), (1, )),
    (1, (4, ), (1, )),
    (0, (2, 2), (3, 1)),
    (0, (2**30, ), (0, )),
    (10**9, (1, ), (1, )),
])
def test_a_tensor_never_reaches_beyond_its_numbers(save, offset, size,
                                                   stride):
    storage = FromBytes(storage_bytes([1., 2., 3., 4.]))
    with pytest.raises(TensorPickleError, match='exceeds the 4 numbers'):
        load_tensor_pickle(save(rebuilt(storage, offset, size, stride)))


@pytest.mark.parametrize('arguments', [
    (-1, (4, ), (1, )),
    (0, (4, ), (1, 1)),
    (0, (4., ), (1, )),
    (0, (True, ), (1, )),
])
def test_an_impossible_tensor_is_refused(save, arguments):
    storage = FromBytes(storage_bytes([1., 2., 3., 4.]))
    with pytest.raises(TensorPickleError, match='unknown kind|instruction'):
        load_tensor_pickle(save(rebuilt(storage, *arguments)))


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='lm.pkl" does not exist'):
        load_tensor_pickle(str(tmp_path / 'lm.pkl'))
