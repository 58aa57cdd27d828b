# Copyright (c) mmteso contributors. All rights reserved.
import sys

import pytest
from mmengine.config import Config
from processes import ROOT, free_port, run

from mmteso.engine import prepare_cpu_distributed

PROGRAM = '''
import sys
sys.path.insert(0, {tests!r})
import mmteso, torch
from mmengine.config import Config
from mmengine.dist import all_gather, get_rank
from mmengine.runner import Runner
from torch import distributed
from toy_runner import toy_config
from mmteso.engine import leave_cpu_distributed, prepare_cpu_distributed
cfg = Config(toy_config(
    {work_dir!r}, launcher='pytorch', experiment_name='dist',
    env_cfg=dict(dist_cfg=dict(backend='nccl', timeout=60))))
assert prepare_cpu_distributed(cfg)
assert distributed.get_backend() == 'gloo'
runner = Runner.from_cfg(cfg)
metrics = runner.train() and runner.val()
model = runner.model
assert type(model).__name__ == 'MMDistributedDataParallel'
assert model.device_ids is None and not model.find_unused_parameters
both = all_gather(model.module.layer.weight.detach())
assert len(both) == 2 and torch.equal(*both)
# each process has random numbers of its own
draws = all_gather(torch.rand(1))
assert not torch.equal(*draws)
if get_rank() == 0:
    print('mean', metrics['mean'], 'weight', float(both[0].sum()))
del runner, model
leave_cpu_distributed()
assert not distributed.is_initialized()
'''


def test_no_sync_bn_on_cpus(monkeypatch):
    """torch's SyncBatchNorm refuses tensors of a CPU."""
    monkeypatch.setattr('mmteso.engine.distributed.get_device',
                        lambda: 'cpu')
    monkeypatch.setattr('torch.distributed.is_initialized', lambda: True)
    monkeypatch.setattr('mmteso.engine.distributed.print_log',
                        lambda *args, **kwargs: None)
    cfg = Config(dict(launcher='pytorch', sync_bn='torch'))
    assert prepare_cpu_distributed(cfg)
    assert cfg.sync_bn is None


def test_other_launchers_need_gpus(monkeypatch):
    monkeypatch.setattr('mmteso.engine.distributed.get_device',
                        lambda: 'cpu')
    with pytest.raises(ValueError, match='no GPU was found.*"slurm"'):
        prepare_cpu_distributed(Config(dict(launcher='slurm')))


@pytest.mark.dist
def test_stock_runner_in_two_processes(tmp_path):
    program = tmp_path / 'program.py'
    program.write_text(
        PROGRAM.format(
            tests=str(ROOT / 'tests'), work_dir=str(tmp_path / 'work')))
    output = run([
        sys.executable, '-W', 'ignore', '-m', 'torch.distributed.run',
        '--nproc_per_node=2', f'--master_port={free_port()}', program
    ])
    assert 'weight' in output.stdout
    assert (tmp_path / 'work' / 'iter_7.pth').exists()
