# Copyright (c) mmteso contributors. All rights reserved.
"""mmseg's way to ignore background, through a runner."""
import copy

import numpy as np
import pytest
from both_kinds import (KeepOutputs, run_test, run_training, use_tta,
                        whole_config)
from PIL import Image

NUM_CLASSES = 8  # SynthAVS's, without background


def reduced_config(kind, root, work_dir, loader='LoadAVSAnnotations'):
    cfg = whole_config(
        kind, root, work_dir, 'teso/teso_r18_synthavs-avss.py', frames=6)
    cfg.model.decode_head.num_classes = NUM_CLASSES
    if kind == 'teso':
        cfg.model.decode_head.loss_cls.class_weight = \
            [1.] * NUM_CLASSES + [0.1]
    else:
        cfg.model.auxiliary_head.num_classes = NUM_CLASSES
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        dataset.update(reduce_zero_label=True, mask_source='labels_semantic')
        dataset.pipeline[1] = dict(type=loader)
        for step in dataset.pipeline:
            step.pop('cue_target', None)  # needs LoadAVSAnnotations
    cfg.test_evaluator = [dict(type='AVSSMetric'),
                          dict(type='IoUMetric', iou_metrics=['mIoU'],
                               prefix='mmseg')]
    cfg.val_evaluator = copy.deepcopy(cfg.test_evaluator)
    cfg.default_hooks.checkpoint.save_best = 'avss/mIoU'
    return cfg


@pytest.mark.parametrize('kind, loader', [('teso', 'LoadAVSAnnotations'),
                                          ('fusion', 'LoadAnnotations')])
def test_train_and_test(kind, loader, synthavs, tmp_path):
    """Also on frames all of whose pixels are ignored: nothing sounds."""
    cfg = reduced_config(kind, synthavs, tmp_path / 'work', loader)
    cfg.train_dataloader.batch_size = 6
    runner = run_training(cfg)
    assert np.isfinite(runner.message_hub.get_scalar('train/loss').current())
    frames = [sample['data_samples'].gt_sem_seg.data.unique().tolist()
              for sample in runner.train_dataloader.dataset]
    assert [255] in frames
    labels = {label for frame in frames for label in frame} - {255}
    assert len(labels) > 1 and labels <= set(range(NUM_CLASSES))

    out = tmp_path / 'predictions'
    cfg.test_evaluator[0].output_dir = str(out)
    cfg.default_hooks.visualization.draw = True
    cfg.visualizer.save_dir = str(tmp_path / 'show')
    runner, metrics = run_test(cfg, tmp_path / 'work' / 'iter_1.pth')
    assert {'avss/mIoU', 'avss/F', 'mmseg/mIoU'} <= set(metrics)
    assert 'avss/mIoU_noBg' not in metrics
    classes = runner.test_dataloader.dataset.metainfo['classes']
    assert len(classes) == NUM_CLASSES and 'background' not in classes
    written = sorted(out.rglob('*.png'))
    assert len(written) == 2
    assert len(list((tmp_path / 'show').rglob('*.png'))) == 2
    # the indices of the masks' files, in which 0 is background
    seen = {label for path in written for label in np.unique(Image.open(path))}
    assert seen <= set(range(1, NUM_CLASSES + 1))


@pytest.mark.parametrize('tta', [False, True])
def test_no_sounding_score(tta, synthavs, tmp_path):
    """Class 0 is a thing: 1 - its probability is no score of sounding."""
    cfg = reduced_config('fusion', synthavs, tmp_path)
    if tta:
        use_tta(cfg)
    outputs = KeepOutputs()
    run_test(cfg, None, outputs)
    assert len(outputs.samples) == 2
    for sample in outputs.samples:
        assert 'pred_sem_seg' in sample and 'sounding_score' not in sample
    cfg.test_evaluator = [dict(type='AVSMetric')]
    with pytest.raises(ValueError, match='reduce_zero_label=True'):
        run_test(cfg)
