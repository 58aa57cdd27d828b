# Copyright (c) mmteso contributors. All rights reserved.
import runpy
import sys

import pytest
import torch
from processes import ROOT
from tiny_imagebind import random_checkpoint

from mmteso.models.text_encoders import ImageBindText

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")

TOOL = ROOT / 'tools' / 'model_converters' / 'imagebind_text_to_clip.py'


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, arguments)])
    runpy.run_path(str(TOOL), run_name='__main__')


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'imagebind_huge.pth'
    torch.save(random_checkpoint(), path)
    return str(path)


@pytest.mark.parametrize('options', [(), ('--num-heads', 4)])
def test_encodes_as_the_source(source, options, tmp_path, monkeypatch, capsys):
    out = str(tmp_path / 'text.safetensors')
    run(monkeypatch, source, out, *options)
    assert f'{out}: 38 tensors, 0.8 million numbers' in capsys.readouterr().out
    converted = ImageBindText(out)
    original = ImageBindText(source, num_heads=options and options[1] or None)
    cues = ['dog', 'a man who plays the ukulele']
    assert torch.equal(converted(cues), original(cues))
    assert converted.provenance() == original.provenance()


def test_errors_in_one_line(source, tmp_path, monkeypatch, capsys):

    def message(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            run(monkeypatch, *arguments)
        assert stop.value.code == 2
        return capsys.readouterr().err.splitlines()[-1]

    out = str(tmp_path / 'text.safetensors')
    assert 'https://dl.fbaipublicfiles' in message(tmp_path / 'no.pth', out)
    assert 'must end with' in message(source, tmp_path / 'text.pth')
    torch.save({**random_checkpoint(), 'x': torch.zeros(1)},
               tmp_path / 'more.pth')
    assert "unknown ['x']" in message(tmp_path / 'more.pth', out)
    run(monkeypatch, source, out)
    assert 'exists already' in message(source, out)
    assert 'converted already' in message(out, tmp_path / 'y.safetensors')
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {'more.pth', 'text.safetensors'}
