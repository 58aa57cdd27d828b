# Copyright (c) mmteso contributors. All rights reserved.
import logging

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log


def enable_amp(cfg: Config) -> None:
    """Make a config train with automatic mixed precision.

    As mmseg's ``tools/train.py --amp`` does; on a machine without an
    accelerator with :class:`CPUAmpOptimWrapper` (bfloat16).

    Args:
        cfg (Config): The config, modified in place.

    Raises:
        ValueError: If ``cfg.optim_wrapper.type`` is neither 'OptimWrapper'
            nor one with mixed precision.
    """
    current = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if current in ('AmpOptimWrapper', 'CPUAmpOptimWrapper'):
        print_log(
            'AMP training is already enabled in your config.',
            logger='current',
            level=logging.WARNING)
        return
    if current != 'OptimWrapper':
        raise ValueError(
            '`--amp` is only supported when the optimizer wrapper type is '
            f'`OptimWrapper`, but got {current}')
    if get_device() == 'cpu':
        cfg.optim_wrapper.type = 'CPUAmpOptimWrapper'
        print_log(
            'AMP on a CPU: autocast to bfloat16, without loss scaling.',
            logger='current')
        return
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.loss_scale = 'dynamic'
