# Copyright (c) mmteso contributors. All rights reserved.
"""What a process of a distributed run does: see test_two_processes.py.

Run by torchrun with a data root, a work directory and a file for results.
"""
import json
import sys
from unittest import mock

import torch
from mmengine.config import ConfigDict
from mmengine.dist import all_gather_object
from mmengine.evaluator import BaseMetric
from mmengine.runner import Runner
from mmseg.registry import METRICS
from narrow import CallHook, load, narrow_config, plain_config_text
from torch import nn

from mmteso.engine import leave_cpu_distributed, prepare_cpu_distributed
from mmteso.engine.model_parts import unwrap
from mmteso.models import BottleneckAdapter, ClipSeDAM

# two clips of five frames; the last of each is silent. Rank 0 of two gets
# frames 4 and 9, which have less ground truth than those of rank 1.
FRAMES = [4, 0, 9, 6]
CONDITIONS = ['normal', 'mute', 'wgn-10db', 'off-screen']
NAMES = ('teso-cue_swin-b_v1m.py', 'teso-cue_r18_synthavs.py')
# a model that sees whole clips, of five frames and of ten: of two processes
# each trains on one, and tests a batch of one of either length
CLIP_NAME = 'teso-clip_r18_synthavs.py'
CLIP_FRAMES = [*range(5), *range(10, 20)]
HEAD = 'mmteso.models.decode_heads.batched_mask2former_head'


def same_points(*size, **kwargs):
    """Stands in for torch.rand: the same points for every mask."""
    size = size[0] if isinstance(size[0], (tuple, list)) else size
    rng = torch.Generator().manual_seed(size[-2])
    points = torch.empty(size[-2:]).uniform_(generator=rng)
    return points.expand(size).clone()


@METRICS.register_module()
class ScoreDigest(BaseMetric):
    """Mean of every frame's score map, which rounding would show in."""

    default_prefix = 'digest'

    def process(self, data_batch, data_samples):
        for sample in data_samples:
            score = sample['sounding_score']['data'].double()
            self.results.append((sample['sample_idx'], score.mean().item()))

    def compute_metrics(self, results):
        return {str(index): mean for index, mean in sorted(results)}


def narrowed(name, data_root, work_dir, launcher):
    config = narrow_config(load(f'teso/{name}'), data_root, work_dir, epochs=2)
    if config.model.backbone.type == 'ResNet':
        config.model.backbone.norm_eval = True
        for loader in (config.train_dataloader, config.test_dataloader):
            loader.dataset.update(subsets='v1m')
            for transform in loader.dataset.pipeline:
                transform.pop('load_visible', None)
    if name == CLIP_NAME:
        for loader in (config.train_dataloader, config.test_dataloader):
            loader.sampler = dict(type='ClipSampler', shuffle=False)
            loader.dataset.update(
                subsets=['v1m', 'v2'], indices=CLIP_FRAMES)
        # a mean over a process's frames, of which they have unequal numbers
        config.model.latent_loss = None
    else:
        config.train_dataloader.sampler = dict(
            type='DefaultSampler', shuffle=False)
        config.train_dataloader.dataset.indices = FRAMES
    for transform in config.train_dataloader.dataset.pipeline:
        if transform.type == 'RandomFlip':
            transform.prob = 0.
    config.val_dataloader = config.val_cfg = config.val_evaluator = None
    config.train_cfg = dict(type='IterBasedTrainLoop', max_iters=2)
    config.param_scheduler = None
    config.default_hooks.checkpoint = None
    config.launcher = launcher
    prepare_cpu_distributed(config)
    return config


def set_weights(runner):
    """Leave the adapters' zero start; let scores lie around one half."""
    torch.manual_seed(7)
    model = unwrap(runner.model)
    for module in model.modules():
        if isinstance(module, BottleneckAdapter):
            nn.init.normal_(module.up.weight, std=0.1)
        if isinstance(module, ClipSeDAM):
            nn.init.ones_(module.gamma)
    weight = model.decode_head.cls_embed.weight
    nn.init.normal_(weight)
    with torch.no_grad():
        weight[1] = weight[0] + 0.1 * torch.randn_like(weight[0])


def gradients(name, data_root, work_dir, launcher, batch_size, hook=None):
    """Gradients of the first of two steps, before clipping, by name.

    Two steps, because DDP finds out about unused parameters in the second.
    No step changes the weights. ``hook`` may alter the batches.
    """
    config = narrowed(name, data_root, work_dir, launcher)
    config.train_dataloader.batch_size = batch_size
    runner = Runner.from_cfg(config)
    steps = []

    def capture(runner):

        def step(**kwargs):
            steps.append(
                {name: None if p.grad is None else p.grad.clone()
                 for name, p in unwrap(runner.model).named_parameters()
                 if p.requires_grad})

        runner.optim_wrapper.step = step

    runner.register_hook(
        CallHook(
            before_train=lambda runner:
            (set_weights(runner), capture(runner))))
    if hook is not None:
        runner.register_hook(hook)
    with mock.patch.object(torch, 'rand', same_points):
        runner.train()
    assert len(steps) == 2
    return steps[0]


def metrics(name, data_root, work_dir, launcher, batch_size=2):
    """Test metrics of seven frames, two at a time, or of two clips of five
    and two of ten, ``batch_size`` at a time."""
    config = narrowed(name, data_root, work_dir, launcher)
    config.train_dataloader = config.train_cfg = config.optim_wrapper = None
    config.test_dataloader.batch_size = batch_size
    config.test_dataloader.dataset.indices = None if name == CLIP_NAME else 7
    config.test_evaluator = [
        # within the narrow range of untrained scores
        ConfigDict(type='AVSMetric', threshold=0.46),
        ConfigDict(type='CueRecognitionMetric'),
        ConfigDict(type='ScoreDigest')
    ]
    runner = Runner.from_cfg(config)
    set_weights(runner)
    lengths = []
    unwrap(runner.model).register_forward_pre_hook(
        lambda model, args, kwargs: lengths.append(
            {sample.num_frames for sample in kwargs['data_samples']}),
        with_kwargs=True)
    scores = runner.test()
    # each process has one batch, a mixed one
    assert name != CLIP_NAME or lengths == [{5, 10}]
    return scores


def audio_report(data_root, work_dir, launcher):
    """A report on seven frames: the last batch is filled up for two."""
    config = narrowed(NAMES[1], data_root, work_dir, launcher)
    config.train_dataloader = config.train_cfg = config.optim_wrapper = None
    # two clips alone could not lend each other a sound
    config.test_dataloader.dataset.update(
        indices=7, split=['train', 'val', 'test'])
    config.test_cfg = dict(type='AudioControlLoop', conditions=CONDITIONS)
    config.test_evaluator = [ConfigDict(type='AVSMetric', threshold=0.46),
                             ConfigDict(type='ScoreDigest')]
    runner = Runner.from_cfg(config)
    set_weights(runner)
    runner.test()
    return json.dumps(runner.test_loop.report)  # NaN equals NaN there


def everything(data_root, work_dir, launcher, batch_size):
    """All that is compared between numbers of processes."""
    args = (data_root, work_dir, launcher)
    with plain_config_text():
        with mock.patch(f'{HEAD}.reduce_mean', lambda value: value):
            alone = gradients(NAMES[0], *args, batch_size)
        return dict(gradients={name: gradients(name, *args, batch_size)
                               for name in NAMES},
                    alone=alone,
                    metrics={name: metrics(name, *args) for name in NAMES},
                    clip_gradients=gradients(CLIP_NAME, *args,
                                             batch_size // 2),
                    clip_metrics=metrics(CLIP_NAME, *args, batch_size),
                    report=audio_report(*args))


if __name__ == '__main__':
    data_root, work_dir, out = sys.argv[1:]
    found = everything(data_root, work_dir, 'pytorch', batch_size=2)
    assert torch.distributed.get_world_size() == 2
    reports = all_gather_object(found['report'])
    assert reports[0] == reports[1]
    if torch.distributed.get_rank() == 0:
        torch.save(found, out)
    leave_cpu_distributed()
