# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from mmengine.config import Config

from mmteso.engine import prepare_cpu_distributed


def test_no_sync_bn_on_cpus(monkeypatch):
    """torch's SyncBatchNorm refuses tensors of a CPU."""
    monkeypatch.setattr('mmteso.engine.distributed.get_device', lambda: 'cpu')
    monkeypatch.setattr('torch.distributed.is_initialized', lambda: True)
    monkeypatch.setattr('mmteso.engine.distributed.print_log',
                        lambda *args, **kwargs: None)
    cfg = Config(dict(launcher='pytorch', sync_bn='torch'))
    assert prepare_cpu_distributed(cfg)
    assert cfg.sync_bn is None


def test_other_launchers_need_gpus(monkeypatch):
    monkeypatch.setattr('mmteso.engine.distributed.get_device', lambda: 'cpu')
    with pytest.raises(ValueError, match='no GPU was found.*"slurm"'):
        prepare_cpu_distributed(Config(dict(launcher='slurm')))
