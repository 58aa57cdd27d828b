import runpy
import sys
from pathlib import Path

import pytest

from mmteso.datasets.synthavs import read_manifest

TOOL = Path(__file__).parents[2] / 'tools' / 'prepare_synthavs.py'


def _run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, arguments)])
    runpy.run_path(str(TOOL), run_name='__main__')


def test_arguments_reach_the_generator(tmp_path, monkeypatch, capsys):
    out = tmp_path / 'deep' / 'synthavs'
    arguments = (out, '--videos', 4, '--frames', 2, '--size', 24, '--seed', 7)
    _run(monkeypatch, *arguments)
    assert read_manifest(out)['arguments'] == dict(
        videos=4, frames=2, size=24, seed=7)
    assert 'test: 1 videos, 2 frames, 0.0% silent' in capsys.readouterr().out

    # A second run needs --overwrite, and says so without a traceback.
    with pytest.raises(SystemExit) as stop:
        _run(monkeypatch, *arguments)
    assert stop.value.code == 2
    assert '--overwrite' in capsys.readouterr().err
    _run(monkeypatch, out, '--videos', 3, '--frames', 1, '--overwrite')
    assert read_manifest(out)['arguments'] == dict(
        videos=3, frames=1, size=96, seed=0)
