# Copyright (c) mmteso contributors. All rights reserved.
import json
import runpy
import sys

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from narrow import load, narrow_config, plain_config_text
from PIL import Image
from processes import ROOT

from mmteso.apis.frame_pictures import masks_only
from mmteso.io import write_json
from mmteso.testbeds.synthavs import generate_synthavs

SCRIPT = str(ROOT / 'tools' / 'analysis_tools' / 'preference_report.py')


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """Config and checkpoint of a narrow model with random weights."""
    folder = tmp_path_factory.mktemp('model')
    data = folder / 'synthavs'
    generate_synthavs(data, videos=6, frames=2, size=32)
    cfg = narrow_config(
        load('teso/teso-cue_r18_synthavs.py'), data, folder / 'work')
    with DefaultScope.overwrite_default_scope('mmseg'):
        network = MODELS.build(cfg.model)
    torch.save(dict(state_dict=network.state_dict()), folder / 'model.pth')
    with plain_config_text():
        cfg.dump(folder / 'tiny.py')
    return str(folder / 'tiny.py'), str(folder / 'model.pth')


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Run the tool in this process."""

    def call(*options):
        monkeypatch.setattr(
            sys, 'argv', ['preference_report.py', *map(str, options)])
        with plain_config_text():
            runpy.run_path(SCRIPT, run_name='__main__')

    return call


def test_whole_report(command, model, tmp_path, capsys):
    out, given = tmp_path / 'out', tmp_path / 'audio.json'
    write_json(
        dict(
            conditions={'normal': dict(J=50.), 'wgn-10db': dict(J=40.)},
            metrics=[],
            reference='pcm16',
            seed=4), str(given))
    command(*model, '--out', out, '--name', 'ours', '--without-text', *model,
            '--report', 'given', given, '--paper', '--audio', 'normal',
            'wgn-10db', '--audio-reference', 'pcm16', '--audio-seed', 4,
            '--frames', 1, '--note', 'random weights', '--cfg-options',
            'test_dataloader.batch_size=1')
    printed = capsys.readouterr().out.splitlines()[-5:]
    names = ['report.json', 'report.md', 'scores.png', 'masks.png',
             'attention.png']
    assert printed == [str(out / name) for name in names]
    for name in names[2:]:
        assert min(Image.open(out / name).size) > 200
    report = json.loads((out / 'report.json').read_text())
    assert list(report['models']) == ['ours', 'without text', 'given']
    # the same config and weights
    ours, same, other = report['models'].values()
    assert ours['conditions'] == same['conditions']
    assert other['conditions']['wgn-10db'] == dict(J=40.)
    assert ours['reference'] == 'pcm16' and ours['seed'] == 4
    assert report['paper']['models']['TeSO']['mute']['J'] == 37.89
    assert len(report['frames']) == 1
    text = (out / 'report.md').read_text()
    assert '## Published numbers: AVSBench V1M' in text
    assert f'given: read from {given}' in text
    # measured and published numbers each beside their protocol
    assert f'- {ours["metrics"][0]}\n' in text
    assert report['paper']['protocol'] in text


def test_named_frame_and_picture(command, model, tmp_path):
    uid = masks_only(Config.fromfile(model[0])).get_data_info(1)['uid']
    command(*model, '--out', tmp_path, '--audio', 'mute', '--frames',
            f'{uid}:1', '--pictures', 'masks')
    report = json.loads((tmp_path / 'report.json').read_text())
    assert report['frames'] == [f'v2:{uid}:1']
    assert list(report['models']) == ['tiny']
    assert not (tmp_path / 'scores.png').exists()
    assert (tmp_path / 'masks.png').exists()


@pytest.mark.parametrize('options, message', [
    (['--audio', 'loud'], "unknown audio condition 'loud'"),
    (['--paper', 'no-such-file.yml'], 'no-such-file.yml'),
    (['--report', 'only-a-name'], 'expected 2 arguments'),
])
def test_wrong_options(command, model, tmp_path, capsys, options, message):
    with pytest.raises(SystemExit) as error:
        command(*model, '--out', tmp_path / 'out', *options)
    assert error.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()
