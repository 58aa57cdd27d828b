# Copyright (c) mmteso contributors. All rights reserved.
"""What a process of a distributed audio control does.

Run by torchrun with a data root, a work directory and a file for results: see
test_two_processes_audio.py.
"""
import json
import sys
from pathlib import Path

import torch
from mmengine.runner import Runner
from narrow import load, narrow_config, plain_config_text

from mmteso.engine import leave_cpu_distributed, prepare_cpu_distributed

CONDITIONS = ['normal', 'mute', 'wgn-10db', 'off-screen']


def audio_control(data_root, work_dir, launcher):
    """A report on seven frames: the last batch is filled up for two."""
    config = narrow_config(
        load('teso/teso-cue_r18_synthavs.py'), data_root, work_dir, frames=7)
    for key in ('train_dataloader', 'train_cfg', 'optim_wrapper',
                'param_scheduler', 'val_dataloader', 'val_cfg',
                'val_evaluator'):
        config.pop(key)
    config.default_hooks.checkpoint = None
    config.test_cfg = dict(type='AudioControlLoop', conditions=CONDITIONS)
    config.test_evaluator = [dict(type='AVSMetric', threshold=0.48)]
    config.launcher = launcher
    prepare_cpu_distributed(config)
    runner = Runner.from_cfg(config)
    torch.manual_seed(7)
    for parameter in runner.model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.xavier_normal_(parameter)
    runner.test()
    return runner.test_loop.report


if __name__ == '__main__':
    data_root, work_dir, out = sys.argv[1:]
    with plain_config_text():
        report = audio_control(data_root, work_dir, 'pytorch')
    assert torch.distributed.get_world_size() == 2
    path = Path(f'{out}.{torch.distributed.get_rank()}')
    path.write_text(json.dumps(report))
    leave_cpu_distributed()
