# Copyright (c) mmteso contributors. All rights reserved.
"""The commands that a user types, on tiny data."""
import json
import sys
from pathlib import Path

import mmseg
import pytest
import torch
from narrow import CONFIGS, load, narrow_config
from processes import ROOT, free_port, refusal, run

from mmteso.testbeds.synthavs import generate_synthavs

TOOLS = ROOT / 'tools'


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    """A narrow config file with everything in it."""
    folder = tmp_path_factory.mktemp('tools')
    generate_synthavs(folder / 'synthavs', videos=6, frames=2, size=32)
    cfg = narrow_config(load('teso/teso_r18_synthavs.py'), folder / 'synthavs',
                        folder / 'work', epochs=2)
    for key in ('work_dir', 'experiment_name'):
        cfg.pop(key)
    cfg.log_level = 'INFO'
    cfg.default_hooks.checkpoint.interval = 1
    path = folder / 'tiny.py'
    cfg.dump(path)
    return path


def python(*words, **kwargs):
    return run([sys.executable, '-W', 'ignore', *words], **kwargs)


def final(work_dir, iteration=2):
    return torch.load(
        Path(work_dir) / f'iter_{iteration}.pth', weights_only=True)


def same(first, second):
    assert first.keys() == second.keys()
    return all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.slow
def test_train_resume_and_test(config, tmp_path):
    """Also: interrupted and resumed equals uninterrupted."""
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    output = python(TOOLS / 'train.py', config, '--work-dir', whole)
    assert 'loss' in output.stdout and 'eta' in output.stdout
    python(TOOLS / 'train.py', config, '--work-dir', parts, '--cfg-options',
           'train_cfg.max_iters=1')
    python(TOOLS / 'train.py', config, '--work-dir', parts, '--resume')
    assert same(final(whole)['state_dict'], final(parts)['state_dict'])

    table = tmp_path / 'out' / 'audio.json'
    output = python(TOOLS / 'test.py', config, whole / 'iter_2.pth',
                    '--work-dir', tmp_path / 'test', '--audio', 'normal',
                    'mute', 'wgn-10db', '--audio-out', table)
    report = json.loads(table.read_text())
    assert list(report['conditions']) == ['normal', 'mute', 'wgn-10db']
    for name, scores in report['conditions'].items():
        assert f'| {name} ' in output.stdout
        assert f"{scores['J']:.2f}" in output.stdout
    assert "reference 'snr'" in output.stdout


@pytest.mark.slow
def test_mmsegs_own_train_script(config, tmp_path):
    """Nothing essential lives in our script only."""
    script = Path(mmseg.__file__).parent / '.mim' / 'tools' / 'train.py'
    python(script, config, '--work-dir', tmp_path / 'theirs')
    python(TOOLS / 'train.py', config, '--work-dir', tmp_path / 'ours')
    assert same(final(tmp_path / 'theirs')['state_dict'],
                final(tmp_path / 'ours')['state_dict'])


@pytest.mark.slow
@pytest.mark.dist
def test_two_processes(config, tmp_path):
    run(['bash', TOOLS / 'dist_train.sh', config, 2, '--work-dir', tmp_path],
        PYTHON=sys.executable, PORT=str(free_port()))
    table = tmp_path / 'audio.json'
    output = run(['bash', TOOLS / 'dist_test.sh', config,
                  tmp_path / 'iter_2.pth', 2, '--work-dir', tmp_path,
                  '--audio', 'normal', 'mute', '--audio-out', table],
                 PYTHON=sys.executable, PORT=str(free_port()))
    assert output.stdout.count('| mute ') == 1
    assert list(
        json.loads(table.read_text())['conditions']) == ['normal', 'mute']


@pytest.mark.parametrize('options, message', [
    (['--audio', 'loud'], 'unknown audio condition'),
    (['--audio-out', 'a.json'], '--audio-out needs --audio'),
    (['--off-screen-groups', 'a.yaml'], 'needs --audio off-screen'),
    (['--audio', 'mute', '--off-screen-groups', 'avsbench'],
     'needs --audio off-screen'),
])
def test_wrong_options(options, message):
    assert message in refusal(
        'test.py', CONFIGS / 'teso/teso_r18_synthavs.py', 'model.pth',
        *options)
