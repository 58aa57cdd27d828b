# Copyright (c) mmteso contributors. All rights reserved.
"""Whole configs of both kinds of models, for mmseg's features.

A TeSO prompts its decode head; a plain head behind ``AudioTextFusion`` hears
through its features. What a runner does with the one it should do with the
other.
"""
import copy
import itertools
from pathlib import Path
from typing import Tuple

import torch
from mmengine.config import Config, ConfigDict
from mmengine.hooks import Hook
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmseg.registry import MODELS
from narrow import fcn_config, fusion_parts, load, narrow_config
from processes import call_tool

_numbers = itertools.count()
KINDS = ('teso', 'fusion')


def fusion_model() -> ConfigDict:
    """An FCN head and an auxiliary one behind a fusion."""
    return ConfigDict(dict(fcn_config(), **fusion_parts((64, ))))


def whole_config(kind: str, data_root, work_dir,
                 name: str = 'teso/teso_r18_synthavs.py', **kwargs) -> Config:
    """A narrow config over a SynthAVS with data, schedule and hooks.

    ``kwargs`` are ``frames`` and ``epochs`` of :func:`narrow.narrow_config`.
    """
    cfg = narrow_config(load(name), data_root, work_dir, **kwargs)
    if kind == 'fusion':
        preprocessor = cfg.model.data_preprocessor
        cfg.model = fusion_model()
        cfg.model.data_preprocessor = preprocessor
    return cfg


def use_tta(cfg: Config) -> None:
    """As ``tools/test.py --tta``."""
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
    cfg.tta_model.module = cfg.model
    cfg.model = cfg.tta_model


def _name_visualizer(cfg: Config) -> None:
    """Visualizers of one name are one object, with the first one's folder."""
    cfg.visualizer.name = cfg.experiment_name


def run_training(cfg: Config, *hooks: Hook) -> Runner:
    """Train as tools/train.py does, with further hooks."""
    _name_visualizer(cfg)
    runner = Runner.from_cfg(cfg)
    for hook in hooks:
        runner.register_hook(hook)
    runner.train()
    return runner


def run_test(cfg: Config, checkpoint=None,
             *hooks: Hook) -> Tuple[Runner, dict]:
    """Test as tools/test.py does, with further hooks."""
    cfg = copy.deepcopy(cfg)
    cfg.update(load_from=checkpoint and str(checkpoint), resume=False,
               experiment_name=f'{cfg.experiment_name}-test-{next(_numbers)}')
    _name_visualizer(cfg)
    runner = Runner.from_cfg(cfg)
    for hook in hooks:
        runner.register_hook(hook)
    return runner, runner.test()


class KeepOutputs(Hook):
    """Keeps what a test predicts, in order, as ``samples``."""

    def __init__(self) -> None:
        self.samples = []

    def after_test_iter(self, runner, batch_idx, data_batch=None,
                        outputs=None) -> None:
        self.samples.extend(outputs)


def run_tool(name: str, cfg: Config, *words) -> None:
    """Run one of tools/ in this process on a config, written to a file."""
    _name_visualizer(cfg)
    folder = Path(cfg.work_dir)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f'{cfg.experiment_name}.py'
    cfg.dump(path)
    call_tool(name, path, *words)


def random_checkpoint(cfg: Config) -> str:
    """A checkpoint of an untrained model, in the work directory."""
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(cfg.model)
        model.init_weights()
    path = Path(cfg.work_dir, 'random.pth')
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(state_dict=model.state_dict()), path)
    return str(path)


def read_checkpoint(path) -> dict:
    return torch.load(path, weights_only=True)
