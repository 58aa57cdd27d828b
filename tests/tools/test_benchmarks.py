# Copyright (c) mmteso contributors. All rights reserved.
"""That the benchmarks measure what they say; how fast, they tell people."""
import itertools

import pytest
from chat_server import ChatServer
from narrow import load, narrow_model
from processes import ROOT, call_tool


@pytest.fixture(autouse=True)
def folder(monkeypatch):
    """Of the scripts, which import each other."""
    monkeypatch.syspath_prepend(str(ROOT / 'tools' / 'benchmarks'))


@pytest.mark.slow
def test_audio_control(tmp_path, capsys):
    cfg = load('teso/teso_swin-b_v1m.py')
    narrow_model(cfg.model)
    cfg.dump(tmp_path / 'narrow.py')
    words = ('--config', tmp_path / 'narrow.py', '--size', 64, '--repeat', 1,
             '--batch-sizes', 2, '--work-dir', tmp_path / 'work_dirs')
    call_tool('benchmarks/audio_control.py', *words, '--frames', 1,
              '--require', 1000)
    output = capsys.readouterr().out
    cells = [[cell.strip() for cell in line.split('|')[1:-1]]
             for line in output.splitlines() if line.startswith('|')]
    table = [dict(zip(cells[0], row)) for row in cells[1:]]
    ways = ['one condition', 'all in one pass', 'one pass each']
    assert [(row['what'], row['way']) for row in table] == [
        (what, way) for what in ('forward, 2 frames', 'end to end, a frame')
        for way in ways]
    for row in table:
        assert float(row['min (ms)']) > 0 and float(row['CPU min (ms)']) > 0
        if row['way'] == ways[0]:
            assert row['ratio'] == row['CPU ratio'] == '1.00'
    line, = [line for line in output.splitlines()
             if line.startswith('batch of 2: largest difference')]
    assert float(line.split(':')[-1]) == 0
    assert not list((tmp_path / 'work_dirs').iterdir())
    with pytest.raises(SystemExit, match='more than 0.001'):
        call_tool('benchmarks/audio_control.py', *words, '--frames', 0,
                  '--conditions', 'normal', 'mute', '--require', 0.001)


@pytest.mark.slow
def test_cue_pipeline(capsys):
    pytest.importorskip('openai')

    def run(server):
        call_tool('benchmarks/cue_pipeline.py', '--frames', 10, '--repeat', 1,
                  '--sizes', '40x32', '--base-url', server.url)

    with ChatServer() as server:
        run(server)
    # two sources, with and without overlap: a trial, and two turns each
    assert len(server.requests) == 2 * 2 * (1 + 2 * 10)
    output = capsys.readouterr().out
    assert output.count('frames/s') == 6 and 'JPEG, 40x32' in output
    # a server that answers at once with errors would look fast
    with ChatServer(itertools.repeat(400)) as server:
        with pytest.raises(SystemExit, match='10 frames failed.*400'):
            run(server)


def test_ways_take_turns():
    """And the ratio is one of samples that were taken side by side."""
    import turns
    order, clock = [], iter(range(1, 100))

    def way(name, factor):
        order.append(name)
        return turns.Sample(0., factor * next(clock))

    samples = turns.take_turns(
        dict(a=lambda: way('a', 1), b=lambda: way('b', 10)), 3)
    assert order == ['a', 'b'] * 4  # one round to warm up
    assert [sample.cpu for sample in samples['a']] == [3, 5, 7]
    assert turns.ratio(samples, 'b', 'a') == 60 / 5
    assert turns.measure_python(['-c', 'raise SystemExit(3)'], status=3).cpu
    with pytest.raises(RuntimeError, match='No such thing'):
        turns.measure_python(['-c', 'raise KeyError("No such thing")'])
