# Copyright (c) mmteso contributors. All rights reserved.
"""On AVSBench, cues in a language model's words are the classes they mean."""
import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from narrow import CONFIGS, load, narrow_config
from PIL import Image

from data import make_avsbench
from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES, voc_palette

SOUNDING = ('man', 'dog', 'guitar', 'emergency-car')
FRAMES = [  # at most four cues each, N_T
    dict(person=1, woman=0, people=1, chainsaw=0),
    {'acoustic guitar': 1, 'puppy': 1, 'fire truck': 1, 'kitten': 0},
    {'child': 0, 'piano keyboard': 0, 'siren': 1, 'musician': 1},
    {'speaker': -1, 'car': 0}]  # yapf: disable
CUE_LOSS = sorted(
    path.relative_to(CONFIGS).as_posix()
    for pattern in ('*/teso-cue*.py', 'ablations/v1m/*cue-loss*.py')
    for path in CONFIGS.glob(pattern) if '_r18_' not in path.stem)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Clips in whose frames the same four classes sound."""
    root = Path(
        make_avsbench(tmp_path_factory.mktemp('llm'), ('v1m', ), ('train', )))
    labels = np.zeros((24, 32), np.uint8)
    for place, name in enumerate(SOUNDING):
        labels[2:20, 8 * place:8 * place + 6] = AVSBENCH_CLASSES.index(name)
    colors = np.array(voc_palette(71), np.uint8)[labels]
    clip, = (root / 'v1m').iterdir()
    for frame in range(5):
        Image.fromarray(colors).save(clip / f'labels_rgb/{frame}.png')
    (root / 'cues.jsonl').write_text(''.join(
        json.dumps(dict(uid=clip.name, frame=frame, cues=list(cues))) + '\n'
        for frame, cues in enumerate(FRAMES + [{}])))
    return root


@pytest.mark.parametrize('name', CUE_LOSS)
def test_targets_of_the_cue_loss(name, root, tmp_path):
    """13 of 14 cues have one, 7 sound; without synonyms 2, and none."""
    config = narrow_config(load(name), root, tmp_path, frames=None)
    init_default_scope('mmseg')
    dataset = DATASETS.build(config.train_dataloader.dataset)
    assert len(dataset) == 5
    for cues, sample in zip(FRAMES, dataset):
        sample = sample['data_samples']
        assert set(sample.frame_classes) == set(SOUNDING)
        found = dict(zip(sample.text_cues, sample.gt_cues.label.tolist()))
        assert found == cues
