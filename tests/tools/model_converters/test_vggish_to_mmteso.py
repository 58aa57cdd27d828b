# Copyright (c) mmteso contributors. All rights reserved.
"""A file of the real layout that takes no space: expanded zeros."""
import runpy
import sys

import pytest
import torch
from processes import ROOT

torchvggish = pytest.importorskip('torchvggish.torchvggish')
TOOL = ROOT / 'tools' / 'model_converters' / 'vggish_to_mmteso.py'


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, arguments)])
    runpy.run_path(str(TOOL), run_name='__main__')


@pytest.fixture
def network():
    with torch.device('meta'):
        return torchvggish.VGG(torchvggish.make_layers(), postprocess=False)


@pytest.fixture
def source(network, tmp_path):
    path = tmp_path / 'avsbench.pth'
    state = {
        f'audio_backbone.{key}': torch.full((), 0.5).expand(value.shape)
        for key, value in network.state_dict().items()
    }
    state['encoder.weight'] = torch.zeros(2)
    torch.save(dict(state_dict=state), path)
    return path


def test_layout_of_vggish_10086976(source, network, tmp_path, monkeypatch,
                                   capsys):
    out = tmp_path / 'vggish.pth'
    run(monkeypatch, source, out)
    assert '18 tensors, 72.1 million numbers' in capsys.readouterr().out
    state = torch.load(out, weights_only=True)
    expected = network.state_dict()
    assert list(state) == list(expected)
    for key, value in state.items():
        assert value.shape == expected[key].shape
        assert value[(0, ) * value.dim()] == 0.5


def test_refusals(source, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'vggish.pth'
    out.write_bytes(b'')
    for arguments, message in (
        ((source, out), 'exists already'),
        ((source, tmp_path / 'a.npz'), 'must end with ".pth"'),
        ((source, tmp_path / 'a.pth', '--prefix', 'x.'), 'missing'),
        ((tmp_path / 'none.pth', tmp_path / 'a.pth'), 'there is no file'),
    ):
        with pytest.raises(SystemExit):
            run(monkeypatch, *arguments)
        assert message in capsys.readouterr().err
