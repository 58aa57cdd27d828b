# Copyright (c) mmteso contributors. All rights reserved.
from pathlib import Path

import pytest
from processes import exit_status

from data import make_avsbench

CONFIG = '''
default_scope = 'mmseg'
pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAVSAnnotations'),
    dict(type='LoadAudioClip')
]
dataset = dict(
    type='AVSBenchDataset', data_root={root!r}, pipeline=pipeline)
train_dataloader = dict(dataset=dict(split='train', **dataset))
test_dataloader = dict(dataset=dict(split='test', **dataset))
'''


@pytest.fixture
def check(tmp_path, capsys):
    """Runs the tool; gives its exit status and what it prints."""
    root = make_avsbench(tmp_path / 'avs', ('v1m', ), ('train', 'test'))
    config = tmp_path / 'config.py'
    config.write_text(CONFIG.format(root=root))

    def run(*words):
        status = exit_status('check_data.py', config, *words)
        return status, capsys.readouterr().out

    run.root = Path(root)
    return run


def test_report_and_exit_status(check):
    status, printed = check()
    assert status == 0
    lines = printed.splitlines()
    assert [line.split(':')[0]
            for line in lines] == ['train_dataloader', 'test_dataloader']
    assert all('5 frames, 5 of them read now; 0 can\'t' in s for s in lines)

    clip = check.root / 'v1m' / 'v1m-test-0_0_5000'
    (clip / 'frames' / '2.jpg').write_bytes(b'no image')
    status, printed = check('--num-workers', '2')
    assert status == 1
    assert f'{clip}/frames/2.jpg" (8 bytes) cannot be decoded' in printed
    assert check('--splits', 'train')[0] == 0
    # the same data elsewhere, whole
    other = make_avsbench(
        check.root.parent / 'b', ('v1m', ), ('train', 'test'))
    assert check('--data-root', other)[0] == 0

    (clip / 'frames' / '2.jpg').unlink()
    status, printed = check()
    assert status == 1
    assert '2.jpg (expected 5 frames)' in printed
