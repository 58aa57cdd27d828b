# Copyright (c) mmteso contributors. All rights reserved.
"""Data sets and heads of one run, and of one checkpoint."""
import pytest
import torch
from both_kinds import run_test, run_training, whole_config

SEMANTIC = 'teso/teso_r18_synthavs-avss.py'


@pytest.mark.parametrize('kind, head, split', [('teso', 'TeSOHead', 'train'),
                                               ('fusion', 'FCNHead', 'val'),
                                               ('teso', 'TeSOHead', 'test')])
def test_data_set_with_other_classes(kind, head, split, synthavs, tmp_path):
    cfg = whole_config(kind, synthavs, tmp_path)
    cfg[f'{split}_dataloader'].dataset.task = 'semantic'
    run = run_test if split == 'test' else run_training
    with pytest.raises(ValueError) as error:
        run(cfg)
    for part in (f'{split}_dataloader: AVSBenchDataset has 9 classes '
                 '(background, ', f'model.decode_head ({head}) 2.',
                 f'Set {split}_dataloader.dataset.task'):
        assert part in str(error.value)


def test_auxiliary_head_with_other_classes(synthavs, tmp_path):
    cfg = whole_config('fusion', synthavs, tmp_path)
    head = cfg.model.auxiliary_head
    cfg.model.auxiliary_head = [head, dict(head, num_classes=9)]
    with pytest.raises(ValueError, match=r'auxiliary_head\.1 \(FCNHead'):
        run_training(cfg)


def test_checkpoint_of_other_classes(synthavs, tmp_path):
    """As many, in another order; a training may start from it."""
    cfg = whole_config('teso', synthavs, tmp_path, SEMANTIC)
    runner = run_training(cfg)
    path = tmp_path / 'iter_1.pth'
    run_test(cfg, path)
    checkpoint = torch.load(path, weights_only=True)
    classes = list(checkpoint['meta']['dataset_meta']['classes'])
    assert tuple(classes) == runner.train_dataloader.dataset.metainfo[
        'classes']
    classes[2], classes[3] = classes[3], classes[2]
    checkpoint['meta']['dataset_meta']['classes'] = classes
    torch.save(checkpoint, path)
    with pytest.raises(ValueError, match=f"class 2 is '{classes[3]}', but the "
                       f"checkpoint was trained on '{classes[2]}'"):
        run_test(cfg, path)
    cfg.load_from = str(path)
    cfg.experiment_name += '-again'
    run_training(cfg).test()
