# Copyright (c) mmteso contributors. All rights reserved.
import runpy
import sys

import pytest
from processes import ROOT

from mmteso.testbeds.synthavs import read_manifest

TOOL = ROOT / 'tools/dataset_converters/prepare_synthavs.py'


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


def test_reuse_keeps_what_is_there_and_replaces_what_is_not(
        tmp_path, monkeypatch, capsys):
    out = tmp_path / 'synthavs'
    arguments = (out, '--videos', 3, '--frames', 1, '--size', 24, '--reuse')
    _run(monkeypatch, *arguments)
    frame = next(out.glob('v2/*/frames/0.jpg'))
    written = frame.stat().st_mtime_ns
    capsys.readouterr()

    _run(monkeypatch, *arguments)
    assert 'up to date' in capsys.readouterr().out
    assert frame.stat().st_mtime_ns == written

    _run(monkeypatch, *arguments, '--seed', 1)
    assert read_manifest(out)['arguments']['seed'] == 1
    assert frame.stat().st_mtime_ns != written

    # One that was interrupted is not up to date, whatever its arguments.
    manifest = out / 'synthavs.json'
    manifest.write_text(manifest.read_text().replace('"complete": true',
                                                     '"complete": false'))
    _run(monkeypatch, *arguments, '--seed', 1)
    assert 'up to date' not in capsys.readouterr().out
    assert read_manifest(out)['complete']
