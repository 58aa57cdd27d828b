# Copyright (c) mmteso contributors. All rights reserved.
"""That the benchmark measures what it says; how fast, it tells people."""
import os
import runpy
from types import SimpleNamespace

import pytest
from narrow import load, narrow_model
from processes import ROOT


def test_table(tmp_path, capsys):
    path = ROOT / 'tools' / 'benchmarks' / 'audio_control.py'
    tool = SimpleNamespace(**runpy.run_path(str(path)))
    cfg = load('teso/teso_swin-b_v1m.py')
    narrow_model(cfg.model)
    arguments = [
        '--config', str(tmp_path / 'narrow.py'), '--size', '64', '--repeat',
        '1', '--batch-sizes', '2', '--work-dir', str(tmp_path / 'work_dirs')
    ]
    cfg.dump(tmp_path / 'narrow.py')
    tool.main([*arguments, '--frames', '1', '--require', '1000'])
    output = capsys.readouterr().out
    assert 'conditions: normal, mute, wgn-10db, wgn-40db, off-screen' in output
    cells = [[cell.strip() for cell in line.split('|')[1:-1]]
             for line in output.splitlines() if line.startswith('|')]
    table = [dict(zip(cells[0], row)) for row in cells[1:]]
    ways = ['one condition', 'all in one pass', 'one pass each']
    assert [(row['what'], row['way']) for row in table] == [
        (what, way) for what in ('forward, 2 frames', 'end to end, a frame')
        for way in ways
    ]
    for row in table:
        assert float(row['min (ms)']) > 0 and float(row['CPU min (ms)']) > 0
        if row['way'] == ways[0]:
            assert row['ratio'] == row['CPU ratio'] == '1.00'
    line, = [line for line in output.splitlines()
             if line.startswith('batch of 2: largest difference')]
    assert float(line.split(':')[-1]) == 0
    assert not os.listdir(tmp_path / 'work_dirs')
    with pytest.raises(SystemExit, match='more than 0.001'):
        tool.main([*arguments, '--frames', '0', '--conditions', 'normal',
                   'mute', '--require', '0.001'])
