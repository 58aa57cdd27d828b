# Copyright (c) mmteso contributors. All rights reserved.
import collections
import pickle

import numpy as np
import pytest
import torch

from mmteso.io import TensorPickleError, load_tensor_pickle, read_state_dict


class OwnError(ValueError):
    pass


class Print:
    """Prints a word where it is unpickled as anything."""

    def __reduce__(self):
        return print, ('executed', )


@pytest.fixture(autouse=True)
def nothing_executed(capsys):
    yield
    assert 'executed' not in capsys.readouterr().out


@pytest.mark.parametrize('zipped', [True, False])
def test_weights_come_back(tmp_path, zipped):
    weights = {'a.weight': torch.randn(3, 4), 'b': torch.arange(5)}
    path = str(tmp_path / 'weights.pth')
    torch.save(weights, path, _use_new_zipfile_serialization=zipped)
    back = read_state_dict(path)
    assert list(back) == list(weights)
    for key, value in weights.items():
        assert back[key].dtype == value.dtype
        assert torch.equal(back[key], value)


@pytest.mark.parametrize('content, message', [
    (dict(a=Print()), 'holds print'),
    ([torch.zeros(1)], 'does not hold weights by name'),
    ({'model': {'a': torch.zeros(1)}}, 'does not hold weights by name'),
])
def test_only_weights_by_name(tmp_path, content, message):
    path = str(tmp_path / 'other.pth')
    torch.save(content, path)
    with pytest.raises(OwnError, match=message):
        read_state_dict(path, OwnError)


@pytest.fixture
def save(tmp_path):
    """Pickle an object, return the path."""

    def _save(content, protocol=4):
        path = tmp_path / 'lm.pkl'
        path.write_bytes(content if isinstance(content, bytes) else pickle.
                         dumps(content, protocol))
        return str(path)

    return _save


@pytest.mark.parametrize('protocol', [3, 4, 5])
@pytest.mark.parametrize('requires_grad', [True, False])
def test_reads_what_avsbench_writes(save, protocol, requires_grad):
    tensor = torch.randn(5, 1, 96, 64, requires_grad=requires_grad)
    loaded = load_tensor_pickle(save(tensor, protocol))
    assert type(loaded) is torch.Tensor and not loaded.requires_grad
    assert torch.equal(loaded, tensor)


@pytest.mark.parametrize(
    'dtype', [torch.float64, torch.bfloat16, torch.int64, torch.bool])
def test_reads_views_and_other_types(save, dtype):
    tensor = torch.arange(12).reshape(3, 4).to(dtype).t()[1:]
    loaded = load_tensor_pickle(save(tensor))
    assert loaded.dtype == dtype and torch.equal(loaded, tensor)
    assert loaded.is_contiguous()
    empty = load_tensor_pickle(save(torch.zeros(0, 3, dtype=dtype)))
    assert empty.shape == (0, 3)


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def rebuilt(storage, offset=0, size=(4, ), stride=(1, )):
    return Call(torch._utils._rebuild_tensor_v2, storage, offset, size,
                stride, True, collections.OrderedDict())


def numbers(content=None):
    """Pickles as PyTorch does a storage, here perhaps of other content."""
    if content is None:
        return torch.arange(4.).storage()
    return Call(torch.storage._load_from_bytes, pickle.dumps(content, 2))


@pytest.mark.parametrize('content, message', [
    (Print(), r'refers to "builtins.print"'),
    ((torch.zeros(3), Print()), r'refers to "builtins.print"'),
    (rebuilt(Print()), r'refers to "builtins.print"'),
    (rebuilt(numbers(), 0, Print()), r'refers to "builtins.print"'),
    (rebuilt(numbers(Print())), ''),
    (np.zeros(3), r'refers to "numpy'),
    (torch.nn.Parameter(torch.zeros(2)), '_rebuild_parameter'),
    (torch.zeros(2).to_sparse(), '_rebuild_sparse_tensor'),
    ((torch.zeros(2), torch.zeros(2)), 'holds tuple'),
    (None, 'holds NoneType'),
    (b'RIFF....', ''),
    (b'', 'Ran out of input'),
    (rebuilt(numbers(), 0, (5, )), 'of 4 numbers'),
    (rebuilt(numbers(), 1, (4, )), 'out of bounds'),
    (rebuilt(numbers(), 0, (2, 2), (3, 1)), 'out of bounds'),
    (rebuilt(numbers(), 0, (2**30, ), (0, )), 'of 4 numbers'),
    (rebuilt(numbers(), -1, (4, )), ''),
])
def test_anything_but_a_tensor_is_refused(save, content, message):
    with pytest.raises(TensorPickleError, match=f'lm.pkl"(.|\n)*{message}'):
        load_tensor_pickle(save(content))
