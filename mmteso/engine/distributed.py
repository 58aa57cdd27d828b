# Copyright (c) mmteso contributors. All rights reserved.
"""Several processes on a machine without GPUs."""
import datetime
import gc
import re
from contextlib import contextmanager
from typing import Iterator

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from torch import distributed as torch_dist


def prepare_cpu_distributed(cfg: Config) -> bool:
    """Let the stock runner work in several processes without a GPU; whether
    something was to be done.

    ``mmengine.dist.init_dist`` selects a CUDA device whatever the backend, and
    the runner wraps models with ``device_ids=[LOCAL_RANK]``; both fail without
    a GPU. So the gloo process group is made here, which the runner then finds,
    and the config gets a model wrapper with ``device_ids=None``. With one
    process, or an accelerator, there is nothing to do.

    The config, with its ``launcher`` 'pytorch' (``torchrun``), is modified in
    place, before the runner is built.
    """
    launcher = cfg.get('launcher', 'none')
    if launcher == 'none' or get_device() != 'cpu':
        return False
    if launcher != 'pytorch':
        raise ValueError(
            f'no GPU was found for launcher "{launcher}".\nWithout GPUs '
            'start several processes by tools/dist_train.sh or torchrun '
            '(launcher "pytorch")')
    if not torch_dist.is_initialized():
        # the rest, such as backend='nccl', is for GPUs
        timeout = cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout')
        torch_dist.init_process_group(
            'gloo',
            timeout=None if timeout is None else datetime.timedelta(
                seconds=timeout))
    cfg.model_wrapper_cfg = {
        'type': 'MMDistributedDataParallel',
        'broadcast_buffers': False,
        'find_unused_parameters': cfg.get('find_unused_parameters', False),
        **(cfg.get('model_wrapper_cfg') or {}), 'device_ids': None
    }
    if cfg.get('sync_bn'):
        print_log(
            'without GPUs BatchNorm is not synchronised: torch has no '
            f'SyncBatchNorm for CPUs (sync_bn={cfg.sync_bn!r})',
            logger='current')
        cfg.sync_bn = None
    return True


@contextmanager
def explain_lost_process() -> Iterator[None]:
    """A context that says what gloo's and NCCL's errors mean.

    A process that dies leaves the others in a collective. gloo notices at
    once, NCCL when its time is up (``env_cfg.dist_cfg.timeout``, 10 minutes by
    default), unless ``torchrun`` or Slurm ends the others before.
    """
    try:
        yield
    except RuntimeError as error:
        if not (torch_dist.is_available() and torch_dist.is_initialized()
                and re.search(r'gloo|NCCL|[Cc]onnection|[Tt]imed out',
                              str(error))):
            raise
        raise RuntimeError(
            'another process of this training has ended, or hangs: its own '
            'output says why. A training goes on from its last checkpoint by '
            '--resume') from error


def leave_cpu_distributed() -> None:
    """Leave the process group of :func:`prepare_cpu_distributed`, if any.

    All processes call it when their work is done and the runner is no longer
    referenced. gloo's threads free the tensors of a collective after the call
    has returned; one that asks for the interpreter while that is shutting down
    aborts the process (about 1 in 30 runs, torch 2.13). Not for an ``atexit``
    hook: after an error in one process the others never reach the barrier.
    """
    if not (torch_dist.is_available() and torch_dist.is_initialized()
            and torch_dist.get_backend() == 'gloo'):
        return
    torch_dist.barrier()
    # the runner's cycles hold the model wrapper, which holds the group
    gc.collect()
    torch_dist.destroy_process_group()
