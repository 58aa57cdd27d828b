# Copyright (c) mmteso contributors. All rights reserved.
import runpy
import sys

import meta_sam
import pytest
import torch
from processes import ROOT

from mmteso.models.converters import convert_sam
from mmteso.models.sam import read_sam_folder

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")

TOOL = ROOT / 'tools' / 'model_converters' / 'sam_to_transformers.py'


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, arguments)])
    runpy.run_path(str(TOOL), run_name='__main__')


@pytest.fixture(scope='module')
def weights():
    return meta_sam.random_state_dict(meta_sam.reference()['shapes'])


@pytest.fixture(scope='module')
def source(weights, tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'sam_vit_b_01ec64.pth'
    torch.save(weights, path)
    return path


@pytest.mark.parametrize('options, heads', [((), 8),
                                            (('--decoder-heads', 4), 4)])
def test_writes_a_folder(source, weights, options, heads, tmp_path,
                         monkeypatch, capsys):
    out = tmp_path / 'checkpoints' / 'sam'
    run(monkeypatch, source, out, *options)
    assert f'{out}: 189 tensors, 0.1 million numbers' in capsys.readouterr(
    ).out
    model = read_sam_folder(str(out))
    assert model.config.mask_decoder_config.num_attention_heads == heads
    expected = convert_sam(weights)
    assert model.state_dict().keys() == expected.keys()
    for key, value in model.state_dict().items():
        assert torch.equal(value, expected[key]), key


def test_errors_in_one_line(source, weights, tmp_path, monkeypatch, capsys):

    def message(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            run(monkeypatch, *arguments)
        assert stop.value.code == 2
        return capsys.readouterr().err.splitlines()[-1]

    out = tmp_path / 'sam'
    assert 'https://dl.fbaipublicfiles' in message(tmp_path / 'no.pth', out)
    torch.save({**weights, 'x': torch.zeros(1)}, tmp_path / 'more.pth')
    assert "unknown ['x']" in message(tmp_path / 'more.pth', out)
    assert 'exists already' in message(source, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['more.pth']
