# Copyright (c) mmteso contributors. All rights reserved.
"""That the benchmark measures what it says; how fast, it tells people."""
import os
import runpy
from types import SimpleNamespace

import pytest
from narrow import load, narrow_model, plain_config_text
from processes import ROOT


@pytest.fixture(scope='module')
def tool():
    path = ROOT / 'tools' / 'benchmarks' / 'audio_control.py'
    return SimpleNamespace(**runpy.run_path(str(path)))


@pytest.fixture
def config(tmp_path):
    """The Swin-B config, narrow."""
    cfg = load('teso/teso_swin-b_v1m.py')
    narrow_model(cfg.model)
    path = tmp_path / 'narrow.py'
    with plain_config_text():
        cfg.dump(path)
    return str(path)


def rows(output):
    """The table's rows as dicts."""
    lines = [line for line in output.splitlines() if line.startswith('|')]
    cells = [[cell.strip() for cell in line.split('|')[1:-1]]
             for line in lines]
    return [dict(zip(cells[0], row)) for row in cells[1:]]


def test_table(tool, config, tmp_path, capsys):
    work_dir = tmp_path / 'work_dirs'
    arguments = [
        '--config', config, '--size', '64', '--repeat', '1', '--frames', '1',
        '--batch-sizes', '2', '--work-dir',
        str(work_dir)
    ]
    with plain_config_text():
        tool.main(arguments)
    output = capsys.readouterr().out
    assert 'conditions: normal, mute, wgn-10db, wgn-40db, off-screen' in output
    table = rows(output)
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
    assert not os.listdir(work_dir)


def test_a_ratio_can_be_required(tool, config, tmp_path):
    arguments = [
        '--config', config, '--size', '64', '--repeat', '1', '--frames', '0',
        '--batch-sizes', '1', '--conditions', 'normal', 'mute', '--work-dir',
        str(tmp_path / 'work_dirs')
    ]
    tool.main([*arguments, '--require', '1000'])
    with pytest.raises(SystemExit, match='more than 0.001'):
        tool.main([*arguments, '--require', '0.001'])


@pytest.mark.parametrize('arguments, message', [
    (['--conditions', 'mute'], 'expected at least two'),
    (['--repeat', '0'], '--repeat and --batch-sizes must be at least 1'),
])
def test_arguments(tool, capsys, arguments, message):
    with pytest.raises(SystemExit):
        tool.main(arguments)
    assert message in capsys.readouterr().err
