# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch

from mmteso.io.state_dict_file import read_state_dict


class OwnError(ValueError):
    pass


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


class Trap:

    def __reduce__(self):
        return print, ('executed', )


def test_nothing_is_executed(tmp_path, capsys):
    path = str(tmp_path / 'trap.pth')
    torch.save(dict(a=Trap()), path)
    with pytest.raises(OwnError, match='cannot be read as a checkpoint'):
        read_state_dict(path, OwnError)
    assert 'executed' not in capsys.readouterr().out


@pytest.mark.parametrize('content', [
    [torch.zeros(1)], {'model': {'a': torch.zeros(1)}}, {1: torch.zeros(1)}
])
def test_only_weights_by_name(tmp_path, content):
    path = str(tmp_path / 'other.pth')
    torch.save(content, path)
    with pytest.raises(ValueError, match='does not hold weights by name'):
        read_state_dict(path)


def test_a_broken_file_says_so(tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save({'a': torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(OwnError, match='is the download complete'):
        read_state_dict(str(path), OwnError)
