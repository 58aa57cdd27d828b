# Copyright (c) mmteso contributors. All rights reserved.
"""A runner that trains in milliseconds and draws random numbers anywhere."""
import random

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmseg.registry import DATASETS, METRICS, MODELS
from torch import nn
from torch.utils.data import Dataset


@DATASETS.register_module()
class ToyRandomData(Dataset):
    """Vectors that depend on the index and on three generators."""

    metainfo = dict(classes=('background', 'object'), palette=None)

    def __init__(self, length: int = 11) -> None:
        self.length = length

    def __len__(self):
        return self.length

    def get_data_info(self, index):
        # clips of 2 and 3 frames by turns
        clip, frame = divmod(index, 5)
        return dict(subset='toy', uid=f'{clip}-{frame > 1}', frame=frame)

    def __getitem__(self, index):
        noise = torch.tensor(
            [random.random(), np.random.rand(), float(torch.rand(()))])
        return dict(x=torch.full((3, ), float(index)) / 10 + noise)


@MODELS.register_module()
class ToyDropoutModel(BaseModel):
    """One layer and dropout; the target is the input's sum."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 4)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x, mode='tensor'):
        x = torch.stack(x) if isinstance(x, (list, tuple)) else x
        out = self.dropout(self.layer(x)).sum(-1)
        if mode == 'loss':
            return dict(loss=((out - x.sum(-1))**2).mean())
        return [dict(out=value) for value in out]


@METRICS.register_module()
class ToyDrawingMetric(BaseMetric):
    """Draws random numbers, as a validation may."""

    def process(self, data_batch, data_samples):
        self.results.extend(float(s['out']) for s in data_samples)

    def compute_metrics(self, results):
        torch.rand(7), np.random.rand(5), random.random()
        return dict(mean=float(np.mean(results)))


def toy_config(work_dir, **overrides):
    """A config for :class:`mmengine.runner.Runner`."""
    loader = dict(batch_size=2, num_workers=0,
                  dataset=dict(type='ToyRandomData'),
                  sampler=dict(type='DefaultSampler', shuffle=False))
    config = dict(
        default_scope='mmseg', work_dir=str(work_dir),
        model=dict(type='ToyDropoutModel'),
        train_dataloader=dict(
            loader, sampler=dict(type='InfiniteSampler', shuffle=True)),
        val_dataloader=loader, val_evaluator=dict(type='ToyDrawingMetric'),
        val_cfg=dict(),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=7, val_interval=3),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.05)),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.1, end=3, by_epoch=False),
            dict(type='MultiStepLR', milestones=[5], by_epoch=False),
            dict(type='PolyLR', eta_min=0.0, power=0.9, by_epoch=False)],
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=1), checkpoint=dict(
                type='CheckpointHook', by_epoch=False, interval=3,
                save_best='mean', rule='greater')),
        custom_hooks=[dict(type='RandomStateHook'),
                      dict(type='PlainCheckpointHook')],
        randomness=dict(seed=5), log_level='WARNING')
    config.update(overrides)
    return config


def train(config, experiment, **overrides):
    """Train a toy config under an experiment name of its own."""
    runner = Runner.from_cfg(
        dict(config, experiment_name=experiment, **overrides))
    runner.train()
    return runner
