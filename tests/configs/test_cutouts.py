# Copyright (c) mmteso contributors. All rights reserved.
"""Configs on cutouts: they fit what its generator writes."""
from narrow import CONFIGS, load

from mmteso.analysis.records import read_rows
from mmteso.testbeds.cutouts import read_catalogue

BENCH = CONFIGS / 'ablations' / 'cutouts'


def test_rows():
    rows = {row.name for row in read_rows(str(BENCH / 'rows.yml'))}
    assert rows == {path.stem for path in BENCH.glob('*.py')} - {'pretrain'}
    for name in rows:
        config = load(f'ablations/cutouts/{name}.py')
        assert config.load_from == 'work_dirs/ablations/cutouts/pretrain.pth'
        assert config.train_dataloader.dataset.split == 'train'
        assert config.test_dataloader.dataset.split == [
            'test', 'test_exemplar', 'test_unseen']
        for metric in config.test_evaluator:
            assert (metric.get('report_by') == 'split') == (
                metric.type != 'CueRecognitionMetric')


def test_visual_start():
    """All that is visible, class by class."""
    config = load('ablations/cutouts/pretrain.py')
    assert config.model.decode_head.num_classes == len(
        read_catalogue().classes)
    dataset = config.train_dataloader.dataset
    assert dataset.data_root == 'data/cutouts-pretrain'
    assert dataset.task == 'semantic'
    assert dataset.cue_bank is None and dataset.split == 'train'
    masks, = (step for step in dataset.pipeline
              if step.type == 'LoadAVSAnnotations')
    assert masks.source == 'visible'
