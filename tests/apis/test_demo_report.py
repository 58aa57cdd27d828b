# Copyright (c) mmteso contributors. All rights reserved.
import copy
import json
import math

import narrow
import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS, MODELS
from PIL import Image

from mmteso.apis import (draw_conditions, format_table, make_report,
                         references, write_report)
from mmteso.evaluation import reference_scores
from mmteso.testbeds.synthavs import generate_synthavs

AUDIO_REPORT = dict(
    conditions=dict(
        normal=dict(J=80., F=90., J_part=70., blank=0.),
        mute=dict(J=16., F=12., J_part=0., blank=math.nan)),
    drop_percent=dict(mute=dict(J=80., F=86.7)),
    listening_score=dict(J=81.5),
    metrics=['AVSMetric: per frame'],
    reference='snr')
REFERENCES = dict(
    everything=dict(J=69., J_part=50.), blank=dict(J=15., J_part=0.))


@pytest.fixture(scope='module')
def cfg(tmp_path_factory):
    """The demo's config over a few small clips."""
    root = str(tmp_path_factory.mktemp('data') / 'synthavs')
    generate_synthavs(root, videos=13, frames=3, size=32, seed=3)
    cfg = narrow.load('teso/teso-cue_r18_synthavs.py')
    dataset = cfg.test_dataloader.dataset
    dataset.data_root = root
    dataset.cue_bank = narrow.narrow_bank(root)
    narrow.narrow_model(cfg.model)
    return cfg


@pytest.fixture
def dataset(cfg):
    with DefaultScope.overwrite_default_scope('mmseg'):
        return DATASETS.build(cfg.test_dataloader.dataset)


def test_report_has_the_promised_keys_and_is_strict_json(tmp_path):
    report = make_report(
        AUDIO_REPORT, REFERENCES, seconds=dict(train=1., test=2.), seed=5)
    assert report['conditions']['normal']['J'] == 80
    assert report['references'] == REFERENCES
    assert report['drop_percent'] == dict(mute=80.)
    assert report['listening_score'] == 81.5
    assert report['seconds'] == dict(train=1., test=2.)
    assert report['seed'] == 5
    assert report['versions']['torch'] == torch.__version__
    assert report['noise_reference'] == 'snr'
    # NaN is no JSON.
    assert report['conditions']['mute']['blank'] is None
    path = tmp_path / 'report.json'
    write_report(report, str(path))
    assert json.loads(path.read_text()) == report


def test_table_has_a_row_per_condition_and_reference():
    lines = format_table(make_report(AUDIO_REPORT, REFERENCES)).splitlines()
    cells = [[cell.strip() for cell in line.strip('|').split('|')]
             for line in lines if line.startswith('|')]
    header, rows = cells[0], {row[0]: row for row in cells[1:]}
    assert set(rows) == {
        'normal', 'mute', 'everything visible (no model)',
        'all blank (no model)'
    }
    assert rows['mute'][header.index('J')] == '16.00'
    assert rows['mute'][header.index('drop of J')] == '80.00'
    assert rows['mute'][header.index('blank')] == '-'
    assert rows['normal'][header.index('drop of J')] == '-'
    assert rows['all blank (no model)'][header.index('J_part')] == '0.00'


def test_references_are_those_of_the_whole_pipeline(cfg, dataset):
    before = copy.deepcopy(cfg.test_dataloader.dataset)
    rows = references(cfg)
    assert rows == reference_scores(dataset)
    assert rows['everything']['J'] > rows['blank']['J']
    assert cfg.test_dataloader.dataset == before


def test_draws_each_condition(cfg, tmp_path):
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(cfg.model)
    checkpoint = tmp_path / 'model.pth'
    torch.save(dict(state_dict=model.state_dict()), checkpoint)
    pictures = []
    for conditions in (['normal'], ['normal', 'mute', 'wgn-10db']):
        path = tmp_path / f'{len(conditions)}.png'
        draw_conditions(cfg, str(checkpoint), conditions, str(path), count=2)
        pictures.append(np.asarray(Image.open(path)))
    # A column more for each condition.
    assert pictures[1].shape[1] > pictures[0].shape[1] + 300
    assert pictures[1].shape[0] == pictures[0].shape[0]
