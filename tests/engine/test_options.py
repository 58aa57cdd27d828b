# Copyright (c) mmteso contributors. All rights reserved.
import argparse

import pytest
from mmengine.config import Config
from narrow import load

from mmteso.command_line import add_data_root
from mmteso.engine import (enable_amp, merge_cfg_options, options,
                           resume_from_work_dir, set_data_root)


def test_data_root():
    """Of all data sets, in wrappers too; what is relative to it stays."""
    cfg = load('ablations/synthavs/no-silent_full.py')
    leaf = cfg.train_dataloader.dataset
    cfg.train_dataloader.dataset = dict(
        type='RepeatDataset', times=2,
        dataset=dict(type='ConcatDataset', datasets=[leaf, leaf]))
    parser = argparse.ArgumentParser()
    add_data_root(parser)
    before = cfg.pretty_text
    set_data_root(cfg, parser.parse_args([]).data_root)
    assert cfg.pretty_text == before
    args = parser.parse_args(['--data-root', '/my data'])
    set_data_root(cfg, args.data_root)
    for dataset in (*cfg.train_dataloader.dataset.dataset.datasets,
                    cfg.val_dataloader.dataset, cfg.test_dataloader.dataset):
        assert dataset.data_root == '/my data'
        assert dataset.cue_file == 'cues.jsonl'
    assert 'data/synthavs' not in cfg.pretty_text


@pytest.mark.parametrize('key, message', [
    ('modle.frozen', "nothing reads 'modle'. Did you mean 'model'?"),
    ('nothing_like_it', "nothing reads 'nothing_like_it'"),
    ('num_classes', "'num_classes', a variable of the config's files"),
    ('model.frozen', None),
    ('tta_pipeline.0.type', None),
    ('compile', None),
])
def test_names_that_nothing_reads(monkeypatch, key, message):
    said = []
    monkeypatch.setattr(options, 'warn', said.append)
    cfg = load('teso/teso_swin-b_v1m.py')
    merge_cfg_options(cfg, {key: 1})
    assert len(said) == (message is not None)
    assert not message or message in said[0]
    assert key.split('.')[0] in cfg


def test_a_list_is_not_a_dict():
    cfg = load('teso/teso_r18_synthavs.py')
    assert isinstance(cfg.test_evaluator, list)
    with pytest.raises(ValueError, match='What is in a list has a number'):
        merge_cfg_options(cfg, {'test_evaluator.threshold': 0.4})
    merge_cfg_options(cfg, {'test_evaluator.0.threshold': 0.4})
    assert cfg.test_evaluator[0].threshold == 0.4


@pytest.mark.parametrize('load_from', [None, 'pretrained.pth'])
@pytest.mark.parametrize('trained', [False, True])
def test_start_is_not_taken_for_the_latest(load_from, trained, tmp_path):
    cfg = Config(
        dict(work_dir=str(tmp_path), resume=True, load_from=load_from))
    latest = tmp_path / 'iter_1.pth'
    if trained:
        latest.touch()
        (tmp_path / 'last_checkpoint').write_text(str(latest))
    resume_from_work_dir(cfg)
    assert cfg.resume == trained
    assert cfg.load_from == (str(latest) if trained else load_from)


@pytest.mark.parametrize('device, before, after',
                         [('cpu', dict(), dict(type='CPUAmpOptimWrapper')),
                          ('cuda', dict(type='OptimWrapper'),
                           dict(type='AmpOptimWrapper', loss_scale='dynamic')),
                          ('cuda', dict(type='AmpOptimWrapper', loss_scale=8.),
                           dict(type='AmpOptimWrapper', loss_scale=8.))])
def test_amp_for_the_device(monkeypatch, device, before, after):
    monkeypatch.setattr(options, 'get_device', lambda: device)
    cfg = Config(dict(optim_wrapper=before))
    enable_amp(cfg)
    assert cfg.optim_wrapper == after


def test_amp_of_other_wrappers_is_refused():
    with pytest.raises(ValueError, match="but got 'ApexOptimWrapper'"):
        enable_amp(Config(dict(optim_wrapper=dict(type='ApexOptimWrapper'))))
