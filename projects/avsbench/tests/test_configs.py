# Copyright (c) mmteso contributors. All rights reserved.
"""The configs: a training and a test on tiny data, and full builds."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS

from mmteso.datasets.clip_samplers import clips_of
from mmteso.datasets.transforms import split_conditions
from mmteso.testbeds.synthavs import generate_synthavs

PROJECT = Path(__file__).parents[1]
CONFIGS = PROJECT / 'configs'
CONDITIONS = ['normal', 'mute', 'wgn-10db', 'wgn-40db', 'off-screen']


@pytest.fixture(scope='module')
def roots(tmp_path_factory):
    """SynthAVS with clips of 5 frames, and of 10 of which, in training, the
    first alone has a mask. Val and test have no class in common (seed)."""
    folder = tmp_path_factory.mktemp('data')
    roots = []
    for frames in (5, 10):
        roots.append(str(folder / str(frames)))
        generate_synthavs(roots[-1], videos=8, frames=frames, size=32, seed=1)
    for mask in Path(roots[1]).glob('v2/*-train-*/labels_rgb/*.png'):
        if mask.stem != '0':
            mask.unlink()
    return roots


def test_training_and_test(roots, tmp_path):
    """On clips of both lengths in a batch, some without masks; then under all
    sounds, which gives what the clips give one by one; and a checkpoint that
    resumes."""
    config = Config.fromfile(CONFIGS / 'avsbench_r18_synthavs.py')
    short, long = roots
    for loader in (config.train_dataloader, config.val_dataloader,
                   config.test_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.update(data_root=short, serialize_data=False)
    train = config.train_dataloader
    load_masks, = (step for step in train.dataset.pipeline
                   if step.type == 'LoadAVSAnnotations')
    load_masks.no_mask = 'ignore'
    train.batch_size = 8  # of six clips of either length
    train.dataset = dict(
        type='ConcatDataset',
        datasets=[
            train.dataset,
            dict(train.dataset, data_root=long, with_masks=False)
        ])
    test = config.test_dataloader
    test.batch_size = 4  # all clips
    # one clip alone could borrow no sound
    test.dataset.split = ['val', 'test']
    test.dataset = dict(
        type='ConcatDataset',
        datasets=[test.dataset, dict(test.dataset, data_root=long)])
    config.test_cfg = dict(type='AudioControlLoop', conditions=CONDITIONS)
    config.train_cfg.update(max_iters=1, val_interval=1)
    config.default_hooks.checkpoint.interval = 1
    config.update(
        work_dir=str(tmp_path),
        log_level='ERROR',
        experiment_name='avsbench-tiny',
        randomness=dict(seed=0))
    runner = Runner.from_cfg(config)
    batches = []
    runner.model.register_forward_pre_hook(
        lambda module, args, kwargs: batches.append(kwargs) if kwargs.get(
            'mode') == 'loss' else None,
        with_kwargs=True)
    runner.train()
    samples, = (batch['data_samples'] for batch in batches)
    lengths = {sample.num_frames for sample in samples}
    assert lengths == {5, 10}
    # a long clip is labelled in its first frame alone
    for sample in samples:
        unknown = bool((sample.gt_sem_seg.data == 255).all())
        assert unknown == (sample.num_frames == 10 and sample.frame > 0)
    # untrained, the frames don't hear
    for tpavi in runner.model.decode_head.tpavi:
        torch.nn.init.normal_(tpavi.mu[1].weight)
    step, tested = runner.model.test_sounds_step, []

    def spy(batches):
        tested.append(step(batches))
        return tested[-1]

    runner.model.test_sounds_step = spy
    scores = runner.test()
    for condition in CONDITIONS:
        assert 0 <= scores[f'{condition}/J'] <= 100
    mixed, = tested
    lengths = [sample.num_frames for sample in mixed[0]]
    assert lengths == [5] * 10 + [10] * 20
    dataset = runner.test_dataloader.dataset
    for clip in clips_of(dataset):
        batch = pseudo_collate([dataset[index] for index in clip])
        with torch.no_grad():
            alone = step(split_conditions(batch, len(CONDITIONS)))
        for one, all_clips in zip(alone, mixed):
            for index, sample in zip(clip, one):
                torch.testing.assert_close(
                    sample.sounding_score.data,
                    all_clips[index].sounding_score.data)
    config.update(resume=True, experiment_name='avsbench-resumed')
    config.train_cfg.update(max_iters=2, val_interval=2)
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.iter == 2


@pytest.mark.parametrize('backbone', ['pvtv2-b5', 'r50'])
def test_full_configs(backbone):
    """Both subsets' models, one layer a stage where that changes no width."""
    for subset, weight in (('v1m', .5), ('v1s', 0.)):
        config = Config.fromfile(CONFIGS / f'avsbench_{backbone}_{subset}.py')
        init_default_scope(config.default_scope)
        model = config.model
        assert model.decode_head.loss_avm_weight == weight
        assert config.train_dataloader.dataset.subsets == subset
    model.backbone.init_cfg = None
    if 'num_layers' in model.backbone:
        model.backbone.num_layers = [1] * 4
    model.audio_encoder = dict(type='LogMelStats')
    model.frozen = []
    model = MODELS.build(model).eval()
    inputs = dict(
        img=torch.randn(2, 3, 64, 64), log_mel=torch.randn(2, 1, 96, 64))
    with torch.no_grad():
        assert model(inputs).shape == (2, 1, 64, 64)
