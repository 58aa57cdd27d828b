# Copyright (c) mmteso contributors. All rights reserved.
"""Predictions in a file, and scores from it."""
import mmengine
import pytest
from both_kinds import KINDS, random_checkpoint, run_tool, whole_config
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope


def offline(path, *metrics):
    """Scores from a file alone."""
    init_default_scope('mmseg')
    return Evaluator(list(metrics)).offline_evaluate(mmengine.load(path))


@pytest.fixture(params=KINDS)
def tested(request, synthavs, tmp_path):
    """A config, its checkpoint, and the metrics that runs give."""
    cfg = whole_config(request.param, synthavs, tmp_path, frames=4)
    cfg.test_dataloader.dataset.split = ['val', 'test']
    return cfg, random_checkpoint(cfg)


def scores_of(work_dir):
    """What mmengine writes about a test."""
    path, = work_dir.glob('*/*.json')
    return mmengine.load(path)


def test_out_of_the_tool(tested, tmp_path):
    """``tools/test.py --out results.pkl``; mmengine's own metric beside."""
    cfg, checkpoint = tested
    path, stock = tmp_path / 'out' / 'results.pkl', tmp_path / 'stock.pkl'
    cfg.test_evaluator = [*cfg.test_evaluator,
                          dict(type='DumpResults', out_file_path=str(stock))]
    run_tool('test.py', cfg, checkpoint, '--out', path, '--work-dir',
             tmp_path / 'run')
    expected = scores_of(tmp_path / 'run')
    found = offline(path, dict(type='AVSMetric'),
                    dict(type='CueSelectionMetric'))
    assert len(found) > 6
    for name, value in found.items():
        assert value == pytest.approx(expected[name], nan_ok=True), name
    assert 0 < found['F'] < 100
    frames = mmengine.load(path)
    assert len(frames) == 4
    assert not {'seg_logits', 'img', 'inputs'} & set(frames[0])
    assert 'seg_logits' in mmengine.load(stock)[0]
    again = offline(stock, dict(type='AVSMetric'))
    assert again['J'] == found['J'] and again['F'] == found['F']


def test_a_file_for_each_sound(tested, tmp_path):
    cfg, checkpoint = tested
    path, table = tmp_path / 'results.pkl', tmp_path / 'audio.json'
    run_tool('test.py', cfg, checkpoint, '--audio', 'normal', 'mute', '--out',
             path, '--audio-out', table)
    report = mmengine.load(table)
    assert not path.exists()
    for name, scores in report['conditions'].items():
        own = tmp_path / f'results.{name}.pkl'
        assert offline(own, dict(type='AVSMetric'))['J'] == scores['J']
        assert {frame['audio_condition']
                for frame in mmengine.load(own)} == {name}
