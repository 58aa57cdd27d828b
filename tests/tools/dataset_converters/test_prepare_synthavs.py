# Copyright (c) mmteso contributors. All rights reserved.

import pytest
from processes import call_tool

from mmteso.testbeds.synthavs import read_manifest

TOOL = 'dataset_converters/prepare_synthavs.py'


def test_arguments_reach_the_generator(tmp_path, capsys):
    out = tmp_path / 'deep' / 'synthavs'
    arguments = (out, '--videos', 4, '--frames', 2, '--size', 24, '--seed', 7)
    call_tool(TOOL, *arguments)
    assert read_manifest(out)['arguments'] == dict(
        videos=4, frames=2, size=24, seed=7)
    assert 'test: 1 videos, 2 frames, 0.0% silent' in capsys.readouterr().out

    # A second run needs --overwrite, and says so without a traceback.
    with pytest.raises(SystemExit) as stop:
        call_tool(TOOL, *arguments)
    assert stop.value.code == 2
    assert '--overwrite' in capsys.readouterr().err
    call_tool(TOOL, out, '--videos', 3, '--frames', 1, '--overwrite')
    assert read_manifest(out)['arguments'] == dict(
        videos=3, frames=1, size=96, seed=0)


def test_reuse_keeps_what_is_there_and_replaces_what_is_not(tmp_path, capsys):
    out = tmp_path / 'synthavs'
    arguments = (out, '--videos', 3, '--frames', 1, '--size', 24, '--reuse')
    call_tool(TOOL, *arguments)
    frame = next(out.glob('v2/*/frames/0.jpg'))
    written = frame.stat().st_mtime_ns
    capsys.readouterr()

    call_tool(TOOL, *arguments)
    assert 'up to date' in capsys.readouterr().out
    assert frame.stat().st_mtime_ns == written

    call_tool(TOOL, *arguments, '--seed', 1)
    assert read_manifest(out)['arguments']['seed'] == 1
    assert frame.stat().st_mtime_ns != written

    # One that was interrupted is not up to date, whatever its arguments.
    manifest = out / 'synthavs.json'
    manifest.write_text(manifest.read_text().replace('"complete": true',
                                                     '"complete": false'))
    call_tool(TOOL, *arguments, '--seed', 1)
    assert 'up to date' not in capsys.readouterr().out
    assert read_manifest(out)['complete']
