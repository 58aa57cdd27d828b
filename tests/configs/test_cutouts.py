# Copyright (c) mmteso contributors. All rights reserved.
"""Configs on cutouts: they fit what its generator writes."""
from narrow import CONFIGS, load

from mmteso.analysis.records import read_rows

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
