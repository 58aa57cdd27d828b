# Copyright (c) mmteso contributors. All rights reserved.
from both_kinds import run_tool
from narrow import load

from mmteso.testbeds.synthavs import generate_synthavs

TOOL = 'analysis_tools/sound_probe.py'


def test_sounds_that_differ_are_told_apart(tmp_path, capsys):
    root = str(tmp_path / 'data')
    generate_synthavs(root, videos=60, frames=3, size=24)
    cfg = load('teso/teso_r18_synthavs.py')
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].dataset.data_root = root
    cfg.update(work_dir=str(tmp_path / 'work'), experiment_name='probe')
    run_tool(TOOL, cfg, '--splits', 'test', '--hardest', 2)
    lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.split('|')[1:-1]]
            for line in lines if '| test' in line]
    assert [row[0] for row in rows] == [
        'log-mel statistics', 'VGGish, random weights']
    for row in rows:
        precision, chance = float(row[3]), float(row[4])
        assert 10 < chance < 50 and precision > chance + 15
    # bands of their own, by the seconds in which one class sounds
    assert float(rows[0][3]) > 80 and float(rows[0][6]) > 70
    hardest, = (line for line in lines
                if line.startswith('hardest by log-mel statistics, test: '))
    assert len(hardest.split(', ')) == 3
