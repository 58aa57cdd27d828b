# Copyright (c) mmteso contributors. All rights reserved.
"""A user's own five classes, trained, tested and checked by configs alone.

docs/own_data.md describes what the files and the config say.
"""
from pathlib import Path

from mmengine.config import Config
from narrow import CONFIGS, KEEP_ALL, narrow_config

from data import make_avsbench
from mmteso.datasets import check_dataset

CLASSES = ('background', 'church bell', 'fire-engine', 'frog', 'street-organ',
           'tram')
PALETTE = [[0, 0, 0], [220, 20, 60], [0, 90, 200], [30, 160, 40],
           [250, 170, 30], [120, 60, 140]]
# as of docs/own_data.md
CONFIG = '''
_base_ = {base!r}

data_root = {root!r}
class_set = dict(
    subsets='clips', metainfo=dict(classes='classes.txt', palette={palette}))
train_dataloader = dict(dataset=class_set)
val_dataloader = dict(dataset=class_set)
test_dataloader = dict(dataset=class_set)
num_classes = 6
model = dict(
    decode_head=dict(
        num_classes=num_classes,
        loss_cls=dict(class_weight=[1.0] * num_classes + [0.1])))
'''


def test_ten_iterations(tmp_path):
    """Of the semantic task; tests/tools/dataset_converters trains the other.
    """
    from mmengine.runner import Runner
    root = make_avsbench(
        tmp_path / 'own', ('clips', ), clips=12, frames=2, class_names=CLASSES,
        palette=PALETTE, visible=True)
    Path(root, 'label2idx.json').unlink()
    Path(root, 'classes.txt').write_text('\n'.join(CLASSES))
    path = tmp_path / 'mine.py'
    path.write_text(CONFIG.format(
        base=str(CONFIGS / 'teso/teso_r18_synthavs-avss.py'), root=root,
        palette=PALETTE))
    config = narrow_config(
        Config.fromfile(path), root, tmp_path / 'work', frames=6, epochs=10)
    config.train_cfg.val_interval = 10
    config.model.prompt_encoder.dynamic_mask.threshold = KEEP_ALL
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.iter == 10
    scores = runner.test()
    dataset = runner.test_dataloader.dataset
    assert dataset.metainfo['classes'] == CLASSES
    assert dataset.metainfo['palette'] == PALETTE
    assert all(0 <= scores[name] <= 100
               for name in ('avss/mIoU', 'mmseg/mIoU', 'J'))
    # the cues are a frame's classes and one that doesn't sound
    assert scores['cues/rec1_recall'] == 100
    assert 0 < scores['cues/rec1_precision'] < 100
    assert 1 < scores['avss/num_classes'] <= len(CLASSES)
    report, = check_dataset(dataset)
    assert report.num_frames == 6 and not report.faults
