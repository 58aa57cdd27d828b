# Copyright (c) mmteso contributors. All rights reserved.
"""What the tools' options mean, ``--cfg-options``, ``--amp``, ``--resume``."""
import difflib
import glob
import inspect
import os
import os.path as osp
from argparse import Namespace
from contextlib import contextmanager
from typing import Any, Mapping, Optional

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner, find_latest_checkpoint
from mmseg.registry import OPTIM_WRAPPERS, RUNNERS
from torch import nn

from mmteso.logs import warn

# What the runner and tools read of a config without naming it as an argument.
_READ = {
    'activation_checkpointing', 'compile', 'custom_imports',
    'efficient_conv_bn_eval', 'find_unused_parameters', 'model_wrapper_cfg',
    'resource_limit', 'runner_type', 'sync_bn', 'tta_model', 'tta_pipeline'
}


def set_data_root(cfg: Config, data_root: Optional[str]) -> None:
    """Say where the data of all data sets of a config lies, those inside of
    wrappers, too; None leaves all as it is.

    What is relative to it (metadata, cue file, cue bank, cached features) is
    looked for there. The config is modified in place.
    """
    waiting = [cfg] if data_root is not None else []
    while waiting:
        value = waiting.pop()
        if isinstance(value, (list, tuple)):
            waiting += value
        elif isinstance(value, (dict, Config)):
            if isinstance(value.get('data_root'), str):
                value['data_root'] = data_root
            waiting += (value[key] for key in value)


def merge_cfg_options(cfg: Config, options: Optional[Mapping[str,
                                                             Any]]) -> None:
    """Override settings of a runner's config in place, as ``--cfg-options``
    says: values by path, such as 'model.backbone.depth'.

    mmengine takes any key. A name at the top that neither runner nor tools
    read changes nothing, so a warning tells: it is misspelt, or a variable of
    the config's files, whose value is elsewhere by now. (Below the top the
    constructors complain, and of an index beyond a list mmengine does, by a
    KeyError.) A ValueError if a value can't go where it is to go.
    """
    if not options:
        return
    known = _READ | set(inspect.signature(Runner.__init__).parameters)
    for name in dict.fromkeys(key.split('.')[0] for key in options):
        if name in known:
            continue
        advice = ''
        if name in cfg:
            advice = ", a variable of the config's files: override the " \
                'settings that were made of it'
        elif close := difflib.get_close_matches(name, known, 1):
            advice = f'. Did you mean {close[0]!r}?'
        warn(f'--cfg-options: nothing reads {name!r}{advice}')
    try:
        cfg.merge_from_dict(dict(options))
    except TypeError as error:
        raise ValueError(
            f'--cfg-options {dict(options)} do not fit the config ({error}). '
            'What is in a list has a number, as in test_evaluator.0.threshold'
        ) from error


def read_config(path: str,
                cfg_options: Optional[Mapping[str, Any]] = None,
                data_root: Optional[str] = None) -> Config:
    """Read a config as ``--cfg-options`` and ``--data-root`` change it, see
    :func:`merge_cfg_options` and :func:`set_data_root`."""
    cfg = Config.fromfile(path)
    set_data_root(cfg, data_root)
    merge_cfg_options(cfg, cfg_options)
    return cfg


def read_runner_config(args: Namespace) -> Config:
    """The config of a tool that trains or tests, of its arguments:
    :func:`read_config`, and
    :func:`mmteso.command_line.add_runner_options`."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = read_config(
        args.config, {'launcher': args.launcher, **(args.cfg_options or {})},
        args.data_root)
    # priority: command line, then config, then the config's name
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = osp.join(
            'work_dirs',
            osp.splitext(osp.basename(args.config))[0])
    return cfg


def build_runner(cfg: Config) -> Runner:
    """The runner of a config, of the type that it names, if any."""
    return RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)


def resume_from_work_dir(cfg: Config) -> None:
    """Make the runner go on from the latest checkpoint in ``work_dir``.

    mmengine resumes from ``load_from`` where there is one. In a config that
    is the checkpoint from which training *starts* (a pretrained Mask2Former,
    the zero-shot model), whose iteration and optimizer aren't this training's.
    Where nothing was trained yet, the training starts from there.

    The latest is that of the file ``last_checkpoint``; if a process was killed
    while it wrote that, the newest there is.
    """
    path = find_latest_checkpoint(cfg.work_dir)
    if path is not None and '://' not in path and not osp.exists(path):
        # each is whole (SafeCheckpointHook), and the best have no optimizer
        path = max((name for name in glob.glob(
            osp.join(glob.escape(cfg.work_dir), '*.pth'))
                    if not osp.basename(name).startswith('best_')),
                   key=osp.getmtime,
                   default=None)
    cfg.resume = path is not None
    if cfg.resume:
        cfg.load_from = path
    else:
        print_log(
            f'--resume: no checkpoint in {cfg.work_dir}, the training starts '
            'from the beginning',
            logger='current')


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """Mixed precision on a CPU: autocast to bfloat16, or float16.

    mmengine's ``AmpOptimWrapper`` asserts that there is an accelerator.
    bfloat16 has float32's range, so that the loss needs no scaling. It is for
    finding out on a CPU what mixed precision does, not for speed.

    Args:
        dtype (str): 'bfloat16' or 'float16'. Defaults to 'bfloat16'.
        **kwargs: See ``OptimWrapper``.
    """

    def __init__(self, dtype: str = 'bfloat16', **kwargs) -> None:
        super().__init__(**kwargs)
        self.dtype = getattr(torch, dtype)

    @contextmanager
    def optim_context(self, model: nn.Module):
        """Autocast the forward pass of a model, possibly wrapped."""
        with super().optim_context(model), torch.autocast(
                'cpu', dtype=self.dtype):
            yield


def enable_amp(cfg: Config) -> None:
    """Make a config train with automatic mixed precision.

    As mmseg's ``tools/train.py --amp`` does; on a machine without an
    accelerator with :class:`CPUAmpOptimWrapper` (bfloat16).
    """
    current = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if current in ('AmpOptimWrapper', 'CPUAmpOptimWrapper'):
        warn('AMP training is already enabled in your config.')
    elif current != 'OptimWrapper':
        raise ValueError('--amp works with optim_wrapper.type='
                         f"'OptimWrapper', but got '{current}'.\nRemove the "
                         'option, or the type from the config')
    elif get_device() == 'cpu':
        cfg.optim_wrapper.type = 'CPUAmpOptimWrapper'
    else:
        cfg.optim_wrapper.update(type='AmpOptimWrapper', loss_scale='dynamic')
