# Copyright (c) mmteso contributors. All rights reserved.
"""That the benchmark runs; how fast, it tells people."""
import itertools
import runpy
import sys

import pytest
from chat_server import ChatServer
from processes import ROOT

TOOL = str(ROOT / 'tools' / 'benchmarks' / 'cue_pipeline.py')


def test_runs(monkeypatch, capsys):
    pytest.importorskip('openai')

    def run(*words):
        monkeypatch.setattr(sys, 'argv', [
            TOOL, '--frames', '10', '--repeat', '1', '--sizes', '40x32', *words
        ])
        runpy.run_path(TOOL, run_name='__main__')

    with ChatServer() as server:
        run('--base-url', server.url)
    # two sources, with and without overlap: a trial, and two turns each
    assert len(server.requests) == 2 * 2 * (1 + 2 * 10)
    output = capsys.readouterr().out
    assert output.count('frames/s') == 6 and 'JPEG, 40x32' in output
    # a server that answers at once with errors would look fast
    with ChatServer(itertools.repeat(400)) as server:
        with pytest.raises(SystemExit, match='10 frames failed.*400'):
            run('--base-url', server.url)
