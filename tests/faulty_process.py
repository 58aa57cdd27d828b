# Copyright (c) mmteso contributors. All rights reserved.
"""A process of two: see robustness/test_two_faulty_processes.py.

    faulty_process.py train CONFIG_FILE
    faulty_process.py blank DATA_ROOT WORK_DIR FILE
"""
import os
import runpy
import signal
import sys

import torch
from mmengine.hooks import Hook
from mmseg.registry import HOOKS
from narrow import plain_config_text
from processes import ROOT
from two_processes import NAMES, gradients

from mmteso.engine import leave_cpu_distributed

BLANK = ('ignored', 'cueless', 'silent', 'all')


@HOOKS.register_module()
class Dies(Hook):
    """A signal for process 1: SIGKILL, as of a system without memory."""

    def __init__(self, name='SIGKILL'):
        self.signal = getattr(signal, name)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 2 and os.environ['RANK'] == '1':
            os.kill(os.getpid(), self.signal)


@HOOKS.register_module()
class Poisons(Hook):
    """NaN in the sound of process 1."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 2 and os.environ['RANK'] == '1':
            data_batch['inputs']['log_mel'][0].fill_(float('nan'))


class Blank(Hook):
    """Takes something from the frames that process 0 of two gets."""

    def __init__(self, what):
        self.what = what

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        inputs = data_batch['inputs']
        for i, sample in enumerate(data_batch['data_samples']):
            if sample.frame != 4:
                continue
            if self.what in ('ignored', 'all'):
                sample.gt_sem_seg.data.fill_(255)
            if self.what in ('cueless', 'all'):
                inputs['text_valid'][i].fill_(False)
                inputs['text_feat'][i].zero_()
                sample.gt_cues.label.fill_(-1)
            if self.what in ('silent', 'all'):
                inputs['log_mel'][i].fill_(-4.6)


def blank_gradients(data_root, work_dir, launcher, batch_size):
    with plain_config_text():
        return {what: gradients(NAMES[0], data_root, work_dir, launcher,
                                batch_size, hook=Blank(what))
                for what in BLANK}


if __name__ == '__main__':
    what, *args = sys.argv[1:]
    if what == 'train':
        sys.argv = ['train.py', args[0], '--launcher', 'pytorch']
        runpy.run_path(str(ROOT / 'tools' / 'train.py'), run_name='__main__')
    else:
        found = blank_gradients(*args[:2], 'pytorch', batch_size=2)
        if torch.distributed.get_rank() == 0:
            torch.save(found, args[2])
        leave_cpu_distributed()
