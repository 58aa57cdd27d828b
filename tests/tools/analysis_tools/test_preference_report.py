# Copyright (c) mmteso contributors. All rights reserved.
import json

import pytest
from both_kinds import random_checkpoint, run_tool
from narrow import load, narrow_config
from PIL import Image

from mmteso.analysis.frames import masks_only
from mmteso.io import write_json

TOOL = 'analysis_tools/preference_report.py'


@pytest.fixture
def model(synthavs, tmp_path):
    """Config and checkpoint of a narrow model with random weights."""
    cfg = narrow_config(
        load('teso/teso-cue_r18_synthavs.py'), synthavs, tmp_path / 'work')
    return cfg, random_checkpoint(cfg)


def test_whole_report(model, tmp_path, capsys):
    cfg, checkpoint = model
    uid = masks_only(cfg).get_data_info(1)['uid']
    out, given = tmp_path / 'out', tmp_path / 'audio.json'
    write_json(dict(conditions={'normal': dict(J=50.),
                                'wgn-10db': dict(J=40.)}, metrics=[],
                    reference='pcm16', seed=4), str(given))
    run_tool(TOOL, cfg, checkpoint, '--out', out, '--name', 'ours', '--report',
             'given', given, '--paper', '--audio', 'normal', 'wgn-10db',
             '--audio-reference', 'pcm16', '--audio-seed', 4, '--frames',
             f'{uid}:1', '--pictures', 'scores', 'masks', '--cfg-options',
             'test_dataloader.batch_size=1')
    printed = capsys.readouterr().out.splitlines()[-4:]
    names = ['report.json', 'report.md', 'scores.png', 'masks.png']
    assert printed == [str(out / name) for name in names]
    for name in names[2:]:
        assert min(Image.open(out / name).size) > 200
    report = json.loads((out / 'report.json').read_text())
    assert report['frames'] == [f'{uid}:1']
    ours, other = report['models'].values()
    assert other['conditions']['wgn-10db'] == dict(J=40.)
    assert ours['reference'] == 'pcm16' and ours['seed'] == 4
    text = (out / 'report.md').read_text()
    assert '## Published numbers: AVSBench V1M' in text
    assert f'given: read from {given}' in text
    # measured and published numbers each beside their protocol
    assert f'- {ours["metrics"][0]}\n' in text
    assert report['paper']['protocol'] in text


@pytest.mark.parametrize('options, message', [
    (['--audio', 'loud'], "unknown audio condition 'loud'"),
    (['--paper', 'no-such-file.yml'], 'no-such-file.yml'),
])
def test_wrong_options(model, tmp_path, capsys, options, message):
    with pytest.raises(SystemExit) as error:
        run_tool(TOOL, *model, '--out', tmp_path / 'out', *options)
    assert error.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()
