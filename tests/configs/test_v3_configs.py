# Copyright (c) mmteso contributors. All rights reserved.
"""Zero-shot and few-shot configs."""
import pytest
import torch
from mmengine.runner import Runner
from narrow import load, narrow_config

from data import make_avsbench, make_v3_lists
from mmteso.testbeds.synthavs import CLASSES

RUNS = ('teso_swin-b_v3-{}.py', 'teso_r18_synthavs-v3-{}.py')


@pytest.fixture(scope='module')
def roots(tmp_path_factory):
    """Tiny data of the kind that each run reads."""
    folder = tmp_path_factory.mktemp('v3')
    roots = [make_avsbench(folder / 'avsbench', ('v1m', 'v2'), clips=4),
             make_avsbench(folder / 'synthavs', ('v2', ), clips=6, frames=2,
                           class_names=CLASSES, visible=True)]
    for root in roots:
        make_v3_lists(root)
    return dict(zip(RUNS, roots))


@pytest.mark.parametrize('setting', ['1-shot', '5-shot'])
@pytest.mark.parametrize('run', RUNS)
def test_few_shot_goes_on_from_zero_shot(run, setting):
    """With the same model, from what its last validation leaves behind."""
    other = run.format('zero-shot')
    zero, config = load(f'v3/{other}'), load(f'v3/{run.format(setting)}')
    assert config.model == zero.model
    for split in ('train', 'val', 'test'):
        dataset = config[f'{split}_dataloader'].dataset
        assert (dataset.setting, dataset.split) == (setting, split)
    key = 'max_epochs' if 'max_epochs' in zero.train_cfg else 'max_iters'
    last = f'{key[4:-1]}_{zero.train_cfg[key]}'
    assert config.load_from == f'work_dirs/{other[:-3]}/{last}.pth'
    assert other in config.default_hooks.start_checkpoint.hint
    assert config.param_scheduler[-1].end == config.train_cfg[key]


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
    lists = [loop.dataloader.dataset.ann_file.split('/v3/')[1]
             for loop in (runner.train_loop, runner.val_loop,
                          runner.test_loop)]
    assert lists == ['v3_1_shot/train.csv', 'meta_v3_seen_val.csv',
                     'v3_1_shot/test.csv']
