# Copyright (c) mmteso contributors. All rights reserved.
"""Pixels of unknown colour count in no metric, from the file to the score."""
import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES, voc_palette
from mmteso.datasets.transforms import LoadAVSAnnotations, PackAVTInputs

GUITAR = 28
METRICS = {
    'AVSMetric': ('binary', dict(), 'J', 'F', 'foreground'),
    'AVSMetric, resized': ('binary', dict(score_size=(40, 80)), 'J', 'F',
                           'foreground'),
    'AVSSMetric': ('semantic', dict(), 'avss/mIoU', 'avss/F'),
    'IoUMetric': ('semantic', dict(), 'mIoU', 'aAcc')
}


def make_sample(folder, task, **policy):
    """A frame that is predicted perfectly, but for what nobody knows."""
    truth = np.zeros((20, 40), np.uint8)
    truth[:10] = GUITAR
    unknown = np.zeros_like(truth, bool)
    unknown[3, 3] = unknown[15, 20:25] = True
    rgb = np.array(voc_palette(71), np.uint8)[truth]
    rgb[unknown] = (1, 2, 3)
    Image.fromarray(rgb).save(folder / '0.png')
    predicted = np.where(unknown, GUITAR - truth, truth)
    if task == 'binary':
        predicted = predicted > 0
    results = LoadAVSAnnotations(**policy)(
        dict(
            seg_map_path=str(folder / '0.png'),
            label_format='rgb',
            task=task,
            class_names=AVSBENCH_CLASSES,
            palette=voc_palette(71),
            seg_fields=[]))
    sample = PackAVTInputs()(results)['data_samples']
    predicted = torch.from_numpy(predicted[None].astype(np.int64))
    sample.pred_sem_seg = PixelData(data=predicted)
    sample.sounding_score = PixelData(data=(predicted > 0).float())
    return sample


@pytest.mark.parametrize('name', METRICS)
def test_stray_pixels_are_not_scored(tmp_path, name):
    task, options, *keys = METRICS[name]
    scores = {}
    for policy in ('ignore', 'background'):
        evaluator = Evaluator(
            dict(type=f'mmseg.{name.split(",")[0]}', **options))
        evaluator.dataset_meta = dict(
            classes=AVSBENCH_CLASSES if task == 'semantic' else
            ('background', 'sounding'))
        sample = make_sample(tmp_path, task, unknown_color=policy)
        assert sample.unknown_pixels == 6
        assert isinstance(sample, SegDataSample)
        evaluator.process([sample])
        scores[policy] = evaluator.evaluate(1)
    for key in keys:
        # half of the pixels that count sound
        perfect = 100 * 399 / 794 if key == 'foreground' else 100
        assert scores['ignore'][key] == pytest.approx(perfect, abs=0.01)
        assert abs(scores['background'][key] - perfect) > 0.05
