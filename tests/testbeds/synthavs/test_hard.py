# Copyright (c) mmteso contributors. All rights reserved.
"""The hard variant: what its classes share, and what a split may show."""
import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image
from processes import ROOT

from mmteso.testbeds.synthavs import generate_synthavs
from mmteso.testbeds.synthavs.hard import (HARD, KINDS, SHAPES, TEXTURES,
                                           UNSEEN)

FRAMES = 2
MADE = dict(videos=26, frames=FRAMES, size=32, variant='hard')


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp('data') / 'synthavs-hard'
    generate_synthavs(path, **MADE)
    return path


def test_the_preference_is_of_combinations_not_of_a_factor():
    for place, names in ((0, TEXTURES), (1, SHAPES)):
        assert sorted(name.split('-')[place]
                      for name in UNSEEN) == sorted(names)
        for name in names:
            priors = [
                kind.prior for key, kind in KINDS.items()
                if key.split('-')[place] == name and kind.prior
            ]
            assert sorted(priors) == [0.25, 0.55, 0.85]


def test_the_config_names_what_sounds_alike():
    """Equal timbres but for pitches whose ranges overlap."""
    config = Config.fromfile(ROOT / 'configs/_base_/datasets/synthavs_hard.py')
    listed = config.train_dataloader.dataset.metainfo.sound_alikes

    def alike(first, second):
        low, high = sorted((first.pitch, second.pitch))
        return replace(second, pitch=first.pitch) == first and (
            high * (1 - first.detune) <= low * (1 + first.detune))

    assert {frozenset(names) for names in listed} == {
        frozenset((one, other))
        for one in KINDS for other in KINDS
        if one != other and alike(KINDS[one].timbre, KINDS[other].timbre)
    }


def test_splits_on_disk(root):
    with open(root / 'metadata.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert Counter(row['split'] for row in rows) == dict(
        train=20, val=2, test=2, test_unseen=2)
    unseen = [HARD.classes.index(name) for name in UNSEEN]
    for row in rows:
        assert row['uid'].startswith(f'synthavs-hard-{row["split"]}-')
        for t in range(FRAMES):
            shown = np.array(
                Image.open(root / 'v2' / row['uid'] / 'labels_visible' /
                           f'{t}.png'))
            assert np.isin(unseen, shown).any() == (
                row['split'] == 'test_unseen')
    readme = ' '.join((root / 'README.txt').read_text().split())
    assert all(name in readme for name in UNSEEN)


def test_no_silent_training_frames(root, tmp_path):
    """Nothing of the other splits changes with it."""
    summary = generate_synthavs(tmp_path, train_silent_percent=0, **MADE)
    assert summary['train']['silent'] == 0
    before = json.loads((root / 'synthavs.json').read_text())
    assert before['statistics']['train']['silent'] == 6  # 15 % of 40
    changed = {
        str(path.relative_to(root)) for path in root.glob('v2/**/*')
        if path.is_file() and path.read_bytes() != Path(
            tmp_path, path.relative_to(root)).read_bytes()
    }
    assert changed and all('hard-train' in path for path in changed)
    assert not any('labels_visible' in path for path in changed)
