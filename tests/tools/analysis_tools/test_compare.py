# Copyright (c) mmteso contributors. All rights reserved.
import json

import pytest
from both_kinds import random_checkpoint
from narrow import load, narrow_config
from processes import call_tool, refusal

TOOL = 'analysis_tools/compare.py'


@pytest.fixture
def model(synthavs, tmp_path):
    """Files: config and checkpoint of a narrow model with random weights."""
    cfg = narrow_config(
        load('teso/teso_r18_synthavs.py'), synthavs, tmp_path / 'work')
    checkpoint = random_checkpoint(cfg)
    path = tmp_path / 'config.py'
    cfg.dump(path)
    return path, checkpoint


def test_one_model_and_a_control(model, tmp_path, capsys):
    out = tmp_path / 'out'
    call_tool(TOOL, '--model', 'ours', *model, '--out', out, '--controls',
              'blank', '--audio', 'normal', 'wgn-10db', '--audio-reference',
              'pcm16', '--audio-seed', 4, '--speed-frames', 0, '--cfg-options',
              'test_dataloader.batch_size=1')
    names = ['comparison.md', 'comparison.csv', 'comparison.json',
             'scores.png']
    assert capsys.readouterr().out.splitlines()[-4:] == [
        str(out / name) for name in names
    ]
    report = json.loads((out / 'comparison.json').read_text())
    assert list(report['models']) == ['ours', 'all blank (no model)']
    for entry in report['models'].values():
        assert entry['reference'] == 'pcm16' and entry['seed'] == 4
    assert 'frames_per_second' not in report['models']['ours']


@pytest.mark.parametrize('options, message', [
    (['--audio', 'loud'], "unknown audio condition 'loud'"),
    (['--model', 'other', 'no-such.py', 'none'], 'there is no file no-such'),
])
def test_wrong_options(model, tmp_path, options, message):
    assert message in refusal(TOOL, '--model', 'ours', *model, '--out',
                              tmp_path / 'out', *options)
    assert not (tmp_path / 'out').exists()
