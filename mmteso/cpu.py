# Copyright (c) mmteso contributors. All rights reserved.
"""What a process sets where it computes on a CPU: how threads wait for each
other, and what becomes of freed memory. Imports nothing that takes seconds,
since it has to come before torch."""
import ctypes
import os
import os.path as osp
import sys
from typing import Dict, Mapping

#: Any of them says that a user has thought about it.
SETTINGS = ('OMP_WAIT_POLICY', 'GOMP_SPINCOUNT', 'KMP_BLOCKTIME')
#: The drivers of CUDA, ROCm and, in WSL, both.
GPU_DEVICES = ('/dev/nvidiactl', '/dev/kfd', '/dev/dxg')
# of <malloc.h>
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
#: What :func:`relax_idle_threads` has set in this process.
chosen: Dict[str, str] = {}


def _has_gpu() -> bool:
    return any(map(osp.exists, GPU_DEVICES))


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
            or _has_gpu()):
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


def keep_freed_memory(environ: Mapping[str, str] = os.environ) -> None:
    """Keep what is freed for the next training step, where there is no GPU.

    glibc gives large buffers back to the system as soon as they are free, and
    gets them anew, page by page and zeroed: a large part of a CPU's time in a
    step (docs/benchmarks.md). The process stays as large as it once was.

    Nothing is set where a user has set glibc's own ``MALLOC_*`` variables, or
    with another C library.

    Args:
        environ (Mapping): Where those are. Defaults to this process's
            environment.
    """
    if (sys.platform != 'linux' or _has_gpu()
            or any(name.startswith('MALLOC_') for name in environ)):
        return
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is not None:
        for parameter in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            mallopt(parameter, 2**30)
