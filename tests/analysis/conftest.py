# Copyright (c) mmteso contributors. All rights reserved.
import copy

import narrow
import pytest
from both_kinds import random_checkpoint

from mmteso.analysis.preference import ComparedModel
from mmteso.testbeds.synthavs import generate_synthavs


@pytest.fixture(scope='session')
def listening_data(tmp_path_factory):
    """A few small clips; the test split has two of 3 frames."""
    root = tmp_path_factory.mktemp('listening') / 'synthavs'
    generate_synthavs(str(root), videos=13, frames=3, size=32, seed=3)
    return str(root)


@pytest.fixture(scope='session')
def _listening_model(listening_data, tmp_path_factory):
    """The demo's config, narrow, over these clips, and random weights."""
    cfg = narrow.load('teso/teso-cue_r18_synthavs.py')
    narrow.narrow_config(cfg, listening_data, tmp_path_factory.mktemp('work'))
    cfg.test_dataloader.dataset.update(
        indices=None,  # all of the test split
        serialize_data=False)  # which takes 0.2 s
    return cfg, random_checkpoint(cfg)


@pytest.fixture
def listening_cfg(_listening_model):
    return copy.deepcopy(_listening_model[0])


@pytest.fixture
def checkpoint(_listening_model):
    return _listening_model[1]


@pytest.fixture
def no_text(listening_cfg, tmp_path):
    """The ablation: sound alone prompts the queries."""
    cfg = copy.deepcopy(listening_cfg)
    cfg.model.prompt_encoder = dict(
        type='AudioPrompt', embed_dims=narrow.PROMPT_DIMS, hidden_dims=16)
    cfg.model.cue_loss = None
    # no cues are selected
    cfg.test_evaluator = [dict(type='AVSMetric')]
    cfg.work_dir = str(tmp_path / 'no_text')
    return ComparedModel('without text', 'no_text.py', cfg,
                         random_checkpoint(cfg), attention=True)
