# Copyright (c) mmteso contributors. All rights reserved.
"""Zero-shot and few-shot configs."""
import pytest
import torch
from mmengine.runner import Runner
from narrow import CONFIGS, load, narrow_config

from data import make_avsbench, make_v3_lists
from mmteso.testbeds.synthavs import CLASSES

NAMES = sorted(path.name for path in (CONFIGS / 'v3').glob('*.py'))
SETTINGS = ('zero-shot', '1-shot', '3-shot', '5-shot')
RUNS = ('teso_swin-b_v3-{}.py', 'teso_r18_synthavs-v3-{}.py')


def test_all_settings_are_there():
    assert NAMES == sorted(
        run.format(setting) for run in RUNS for setting in SETTINGS)


@pytest.mark.parametrize('run', RUNS)
def test_content(run):
    """The settings differ in the lists, the start and the schedule."""
    configs = {
        setting: load(f'v3/{run.format(setting)}')
        for setting in SETTINGS
    }
    zero = configs['zero-shot']
    loop = zero.train_cfg
    last = f'epoch_{loop.max_epochs}' if 'max_epochs' in loop \
        else f'iter_{loop.max_iters}'
    for setting, config in configs.items():
        for split in ('train', 'val', 'test'):
            dataset = config[f'{split}_dataloader'].dataset
            assert dataset.type == 'AVSBenchV3Dataset'
            assert (dataset.setting, dataset.split) == (setting, split)
            assert dataset.task == 'binary'
            assert 'ann_file' not in dataset
            if 'synthavs' in run:
                assert dataset.data_root == 'data/synthavs-v3'
                assert dataset.metainfo.classes == 'label2idx.json'
                assert dataset.subsets == 'v2'
            else:
                assert dataset.subsets == ['v1m', 'v2']
            assert dataset.cue_file == 'cues.jsonl'
        assert config.model == zero.model
        assert config.optim_wrapper == zero.optim_wrapper
        if setting == 'zero-shot':
            assert 'start_checkpoint' not in config.default_hooks
            continue
        # the file that the other config's last validation leaves behind
        other = run.format('zero-shot')
        assert config.load_from == f'work_dirs/{other[:-3]}/{last}.pth'
        assert other in config.default_hooks.start_checkpoint.hint
        key = 'max_epochs' if 'max_epochs' in loop else 'max_iters'
        assert config.train_cfg[key] < loop[key] / 5
        assert config.train_cfg[key] % config.train_cfg.val_interval == 0
        assert config.param_scheduler[-1].end == config.train_cfg[key]
        for same in ('train_cfg', 'param_scheduler', 'load_from'):
            assert config[same] == configs['1-shot'][same]
    # model, start and recipe of configs that test_configs.py checks
    plain = load('teso/teso_r18_synthavs.py' if 'synthavs' in
                 run else 'teso/teso_swin-b_v1m.py')
    for same in ('model', 'load_from', 'param_scheduler', 'train_cfg'):
        assert zero[same] == plain[same]
    if 'swin-b' in run:  # 10 epochs: the README of GAVS
        assert configs['5-shot'].train_cfg.max_epochs == 10


@pytest.fixture(scope='module')
def roots(tmp_path_factory):
    """Tiny data of the kind that each run reads."""
    folder = tmp_path_factory.mktemp('v3')
    roots = [
        make_avsbench(folder / 'avsbench', ('v1m', 'v2'), clips=4),
        make_avsbench(
            folder / 'synthavs', ('v2', ),
            clips=6,
            frames=2,
            class_names=CLASSES,
            visible=True)
    ]
    for root in roots:
        make_v3_lists(root)
    return dict(zip(RUNS, roots))


@pytest.mark.parametrize(
    'run', [RUNS[0], pytest.param(RUNS[1], marks=pytest.mark.slow)])
def test_zero_shot_then_few_shot(run, roots, tmp_path):
    """Few-shot starts from what zero-shot left, and says so if it isn't."""

    def narrow(setting):
        return narrow_config(
            load(f'v3/{run.format(setting)}'), roots[run], tmp_path / setting)

    config = narrow('1-shot')
    config.load_from = str(tmp_path / 'nothing.pth')
    with pytest.raises(FileNotFoundError, match='v3-zero-shot.py, or name'):
        Runner.from_cfg(config).train()

    runner = Runner.from_cfg(narrow('zero-shot'))
    runner.train()
    assert {'J', 'F'} <= set(runner.test())
    saved, = (tmp_path / 'zero-shot').glob('best_J_*.pth')
    checkpoint = torch.load(saved, weights_only=True)
    learned = checkpoint['state_dict']
    learned['decode_head.cls_embed.bias'] += 1  # nothing else has it
    torch.save(checkpoint, saved)
    config = narrow('1-shot')
    config.load_from = str(saved)
    # what it starts from, without a step
    config.optim_wrapper.optimizer.lr = 0.0
    runner = Runner.from_cfg(config)
    runner.train()
    after = runner.model.state_dict()
    assert after.keys() == learned.keys()
    for name, parameter in runner.model.named_parameters():
        assert torch.equal(parameter, learned[name]), name
    assert {'J', 'F'} <= set(runner.test())
    lists = [
        loop.dataloader.dataset.ann_file.split('/v3/')[1]
        for loop in (runner.train_loop, runner.val_loop, runner.test_loop)
    ]
    assert lists == [
        'v3_1_shot/train.csv', 'meta_v3_seen_val.csv', 'v3_1_shot/test.csv'
    ]
