# Copyright (c) mmteso contributors. All rights reserved.
"""How threads wait for each other on a CPU. Imports nothing that takes
seconds, since it has to come before torch."""
import os
import os.path as osp
import sys
from typing import Dict

#: Any of them says that a user has thought about it.
SETTINGS = ('OMP_WAIT_POLICY', 'GOMP_SPINCOUNT', 'KMP_BLOCKTIME')
#: The drivers of CUDA, ROCm and, in WSL, both.
GPU_DEVICES = ('/dev/nvidiactl', '/dev/kfd', '/dev/dxg')
#: What :func:`relax_idle_threads` has set in this process.
chosen: Dict[str, str] = {}


def relax_idle_threads(environ: Dict[str, str] = os.environ) -> None:
    """Let OpenMP's threads sleep soon when they wait, where there is no GPU.

    torch's operators end when their last thread does; the others spin until
    then, for milliseconds. Where another process needs the core of the last
    one they keep it from working: a training step of two threads on two cores
    takes a multiple of its time as soon as one other process is busy.

    Linux only, whose torch has GNU's OpenMP. It reads the environment once, so
    this comes before ``import torch``. Nothing is set where a user has set one
    of :data:`SETTINGS`, where there is a GPU, or with ``OMP_NUM_THREADS=1``.

    Args:
        environ (dict): What is changed. Defaults to this process's
            environment.
    """
    if (sys.platform != 'linux' or 'torch' in sys.modules
            or environ.get('OMP_NUM_THREADS') == '1'
            or any(name in environ for name in SETTINGS)
            or any(map(osp.exists, GPU_DEVICES))):
        return
    # 300,000 by default. Fewer help more beside a busy process, and cost more
    # alone: docs/benchmarks.md, "busy".
    chosen['GOMP_SPINCOUNT'] = '1000'
    environ.update(chosen)


def log_idle_threads() -> None:
    """Say in the log what :func:`relax_idle_threads` has set, if anything."""
    if chosen:
        from mmengine.logging import print_log
        settings = ' '.join(f'{name}={value}'
                            for name, value in chosen.items())
        print_log(
            f'threads of this CPU that wait sleep soon, for other processes '
            f'to run ({settings}); set it for another choice',
            logger='current')
