# Copyright (c) mmteso contributors. All rights reserved.
import logging
from pathlib import Path

import numpy as np
import pytest
from mmengine.runner import Runner
from narrow import load, narrow_config
from PIL import Image

from data import make_avsbench


@pytest.fixture
def root(tmp_path):
    return Path(make_avsbench(tmp_path / 'avs', ('v1m', ), clips=2))


def stray(root, split, frame, count):
    path = root / 'v1m' / f'v1m-{split}-0_0_5000' / f'labels_rgb/{frame}.png'
    mask = np.array(Image.open(path))
    mask[0, :count] = 7
    Image.fromarray(mask).save(path)


def make_runner(root, tmp_path, num_workers=0, train_cfg=None):
    config = narrow_config(load('teso/teso_swin-t_v1m.py'), root,
                           tmp_path / 'work', frames=10, epochs=2)
    config.train_dataloader.sampler.shuffle = False
    for loader in (config.train_dataloader, config.val_dataloader):
        loader.update(
            num_workers=num_workers, persistent_workers=num_workers > 0)
    config.default_hooks.checkpoint = config.param_scheduler = None
    config.log_level = 'INFO'
    config.train_cfg = train_cfg or config.train_cfg
    return Runner.from_cfg(config)


def train(runner):
    """Train; what was logged."""
    records = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())
    runner.logger.addHandler(handler)
    runner.train()
    return records


def test_counts_of_each_epoch(root, tmp_path):
    """They come from the loaders' processes, by way of the samples."""
    stray(root, 'train', 1, 4)
    stray(root, 'train', 3, 2)
    stray(root, 'val', 0, 1)
    text = '\n'.join(train(make_runner(root, tmp_path, num_workers=1)))
    assert 'split \'train\': 10 frames, 10 of them read now; 0 can' in text
    assert "split 'val': 10 frames" in text
    assert text.count(
        'training: pixels of unknown colour: 6, in 2 of 10 masks') == 2
    assert text.count(
        'validation: pixels of unknown colour: 1, in 1 of 10 masks') == 2


def test_iterations_without_epochs(root, tmp_path):
    """What was trained on is reported before each validation."""
    stray(root, 'train', 1, 4)
    records = train(
        make_runner(root, tmp_path,
                    train_cfg=dict(by_epoch=False, max_iters=4,
                                   val_interval=2)))
    found = [text for text in records if text.startswith('training: ')]
    assert len(found) == 1
    assert 'unknown colour: 4, in 1 of 4 masks' in found[0]
    assert not any(text.startswith('validation: ') for text in records)


def test_what_would_end_it_ends_it_at_the_start(root, tmp_path):
    stray(root, 'train', 4, 8)
    clip = root / 'v1m' / 'v1m-val-1_0_5000'
    (clip / 'audio.wav').write_bytes(b'no sound')
    runner = make_runner(root, tmp_path)
    with pytest.raises(ValueError, match="missing='skip'") as caught:
        runner.train()
    message = str(caught.value)
    assert "split 'train':\n  v1m/v1m-train-0_0_5000, frame 4: 8" in message
    assert f'{clip}/audio.wav' in message and '(5 frames)' in message
    assert runner.iter == 0
