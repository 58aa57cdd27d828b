# Copyright (c) mmteso contributors. All rights reserved.
"""Two processes test audio conditions as one does."""
import json
import sys
from pathlib import Path

import pytest
import torch
from narrow import plain_config_text
from processes import run
from two_processes_audio import CONDITIONS, audio_control

from mmteso.testbeds.synthavs import generate_synthavs

WORKER = Path(__file__).parents[1] / 'two_processes_audio.py'


@pytest.mark.dist
def test_same_report(tmp_path):
    """Of every condition; the clips are paired alike."""
    root = tmp_path / 'synthavs'
    generate_synthavs(root, videos=39, frames=2, size=32)
    run([
        sys.executable, '-W', 'ignore', '-m', 'torch.distributed.run',
        '--nproc_per_node=2', '--rdzv-backend=c10d',
        '--rdzv-endpoint=127.0.0.1:0', WORKER, root, tmp_path / 'two',
        tmp_path / 'report'
    ])
    two = [
        json.loads((tmp_path / f'report.{rank}').read_text())
        for rank in range(2)
    ]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with plain_config_text():
            one = audio_control(root, tmp_path / 'one', 'none')
    finally:
        torch.set_num_threads(threads)
    one = json.loads(json.dumps(one))
    assert list(one['conditions']) == CONDITIONS
    assert len({scores['F'] for scores in one['conditions'].values()}) > 2
    # NaN, where no frame qualifies, is written alike
    assert json.dumps(two[0]) == json.dumps(two[1]) == json.dumps(one)
