# Copyright (c) mmteso contributors. All rights reserved.
"""The data config of SynthAVS's hard variant, alone and under a model."""
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import DATASETS, TRANSFORMS
from narrow import CONFIGS, load, narrow_config

from mmteso.testbeds.synthavs import generate_synthavs

HARD, EASY = (f'_base_/datasets/{name}.py'
              for name in ('synthavs_hard', 'synthavs'))


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    path = str(tmp_path_factory.mktemp('synthavs') / 'hard')
    generate_synthavs(path, videos=4, frames=1, size=48, variant='hard')
    return path


def _steps(pipeline):
    """All steps, those inside TestTimeAug included."""
    for step in pipeline:
        yield step
        for branch in step.get('transforms', ()):
            yield from _steps(branch)


def test_only_data_and_text_differ():
    hard, easy = load(HARD), load(EASY)
    for name in ('train_pipeline', 'test_pipeline', 'tta_pipeline'):
        ours, theirs = (list(_steps(c[name])) for c in (hard, easy))
        cues = [step for step in ours if step['type'] == 'LoadTextCues']
        assert len(cues) == 1
        assert cues[0].pop('cue_file') == 'data/synthavs-hard/cues.jsonl'
        assert cues[0].pop('text_encoder') == dict(
            type='HashTextEncoder',
            embed_dims=128,
            compose=True,
            normalize=False)
        step = theirs[ours.index(cues[0])]
        del step['cue_file'], step['text_encoder']
        assert hard[name] == easy[name]
    hard, easy = load(HARD), load(EASY)
    for split in ('train', 'val', 'test'):
        ours, theirs = (c[f'{split}_dataloader'] for c in (hard, easy))
        assert ours.dataset.pop('pipeline') == (
            hard.train_pipeline if split == 'train' else hard.test_pipeline)
        assert 'sound_alikes' in ours.dataset.pop('metainfo')
        assert ours.dataset.pop('data_root') == 'data/synthavs-hard'
        assert ours.dataset.pop('split') == (
            ['test', 'test_unseen'] if split == 'test' else split)
        for key in ('pipeline', 'metainfo', 'data_root', 'split'):
            del theirs.dataset[key]
        assert ours == theirs
    assert hard.val_evaluator == easy.val_evaluator


def test_its_data_and_cues(root):
    config = load(HARD)
    init_default_scope('mmseg')
    dataset = config.test_dataloader.dataset
    dataset.data_root = root
    for step in dataset.pipeline:
        if step['type'] == 'LoadTextCues':
            step['cue_file'] = f'{root}/cues.jsonl'
    dataset = DATASETS.build(dataset)
    assert [sample['data_samples'].split for sample in dataset
            ] == ['test', 'test_unseen']
    inputs, sample = dataset[1].values()
    named = sample.text_cues
    composed = TRANSFORMS.build(
        dict(config.test_pipeline[-2],
             cue_file=f'{root}/cues.jsonl')).text_encoder
    torch.testing.assert_close(inputs['text_feat'][:len(named)],
                               composed(list(named)))


def test_trains_and_reports_by_split(root, tmp_path):
    leaf = tmp_path / 'leaf.py'
    bases = [
        '_base_/models/teso_r18_tiny.py', HARD,
        '_base_/schedules/synthavs_1600it.py', '_base_/default_runtime.py'
    ]
    leaf.write_text(f'_base_ = {[str(CONFIGS / base) for base in bases]}')
    config = narrow_config(Config.fromfile(leaf), root, tmp_path)
    runner = Runner.from_cfg(config)
    runner.train()
    # picked by J, not by J of one split
    assert len(list(tmp_path.glob('best_J_*.pth'))) == 1
    metrics = runner.test()
    one, other = metrics['J@test'], metrics['J@test_unseen']
    assert metrics['J'] == pytest.approx((one + other) / 2)
    assert 'cues/rec1_F1' in metrics
