# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from mmteso.evaluation import AVSSMetric

CLASSES = ('background', 'dog', 'piano', 'woman')


def make_sample(pred, gt, uid='a', frame=0, num_frames=5):
    return SegDataSample(
        pred_sem_seg=PixelData(data=torch.tensor(pred)[None]),
        gt_sem_seg=PixelData(data=torch.tensor(gt)[None]),
        metainfo=dict(uid=uid, frame=frame, num_frames=num_frames))


# Class 3 never occurs; background: 1/2 and 1, dog: 1/2 and 0 (predicted where
# it is not), piano: 1.
SAMPLES = [make_sample([[0, 1, 1]], [[0, 0, 1]], 'a', 0, 1),
           make_sample([[0, 2, 1]], [[0, 2, 255]], 'b', 0, 2),
           make_sample([[1, 2]], [[2, 2]], 'b', 1, 2)]


def avss(**kwargs):
    return dict(type='mmseg.AVSSMetric', **kwargs)


def evaluate(samples, *metrics, **meta):
    evaluator = Evaluator(list(metrics))
    evaluator.dataset_meta = dict(dict(classes=CLASSES), **meta)
    evaluator.process(samples)
    return evaluator.evaluate(len(samples))


def test_occurring_classes_beside_mmsegs_metric():
    result = evaluate(SAMPLES, dict(type='mmseg.IoUMetric'), avss())
    ious = [(0.5 + 1) / 2, 0.5 / 2, (1 + 0.5) / 2]
    fs = [
        (1.3 / (1 + 0.6) + 1) / 2,  # 1 predicted of 2, and all
        (1.3 / (2 + 0.3) + 0) / 2,
        (1 + 1.3 / (1 + 0.6)) / 2,
    ]
    expected = {
        'avss/mIoU': 100 * np.mean(ious),
        'avss/F': 100 * np.mean(fs),
        'avss/mIoU_noBg': 100 * np.mean(ious[1:]),
        'avss/F_noBg': 100 * np.mean(fs[1:]),
        'avss/num_classes': 3
    }
    # mmseg's own metric divides sums over the set: background 2/3, dog 1/3,
    # piano 2/3
    assert result['mIoU'] == pytest.approx(100 * (5 / 3) / 3, abs=0.01)
    assert {key: result[key] for key in expected} == pytest.approx(expected)
    assert evaluate(SAMPLES[::-1], avss()) == pytest.approx(expected)


def test_the_references_habits():
    result = evaluate(SAMPLES, avss(protocol='avsbench', prefix='r'))
    assert result['r/mIoU'] == pytest.approx(100 * (0.75 + 0.25 + 0.75) / 4)
    # The last class is dropped, background stays.
    assert result['r/mIoU_noBg'] == pytest.approx(
        100 * (0.75 + 0.25 + 0.75) / 3)


def test_padded_clips_raise_background_only():
    result = evaluate(SAMPLES, avss(pad_clips_to=4))
    # Clip a has 1 of 4 frames, clip b 2 of 4: 5 perfect background frames.
    background = (0.5 + 1 + 5) / (2 + 5)
    assert result['avss/mIoU'] == pytest.approx(
        100 * (background + 0.25 + 0.75) / 3)
    plain = evaluate(SAMPLES, avss())
    assert result['avss/mIoU_noBg'] == plain['avss/mIoU_noBg']
    assert result['avss/F'] > plain['avss/F']
    with pytest.raises(ValueError, match='1 clips have more .* b with 2'):
        evaluate(SAMPLES, avss(pad_clips_to=1))


def test_number_of_classes():
    metric = AVSSMetric(num_classes=71, protocol='avsbench')
    metric.process(None, [s.to_dict() for s in SAMPLES])
    assert metric.evaluate(3)['avss/mIoU'] == pytest.approx(100 * 1.75 / 71)
    with pytest.raises(ValueError, match='Give num_classes'):
        AVSSMetric().process(None, [SAMPLES[0].to_dict()])


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="protocol must be .*'x'"):
        AVSSMetric('x')
    sample = SAMPLES[0].to_dict()
    for key in ('pred_sem_seg', 'gt_sem_seg', 'num_frames'):
        broken = {k: v for k, v in sample.items() if k != key}
        with pytest.raises(KeyError, match=key):
            AVSSMetric(num_classes=4, pad_clips_to=10).process(None, [broken])
    with pytest.raises(ValueError, match='Frame 0 of a .* 0 to 0'):
        AVSSMetric(num_classes=1).process(None, [sample])


def test_without_background_class_0_counts(tmp_path):
    """With reduce_zero_label."""
    meta = dict(classes=CLASSES[1:], reduce_zero_label=True,
                palette=[[9, 0, 0], [0, 9, 0], [0, 0, 9]])
    samples = [make_sample([[0, 1, 1]], [[0, 255, 1]])]
    samples[0].set_metainfo(dict(subset='v2'))
    result = evaluate(samples, avss(output_dir=str(tmp_path)), **meta)
    assert result == {'avss/mIoU': 100, 'avss/F': 100, 'avss/num_classes': 2}
    # the labels of the masks' files, in their colours
    image = Image.open(tmp_path / 'v2' / 'a' / '0.png')
    assert np.asarray(image).tolist() == [[1, 2, 2]]
    assert np.asarray(image.convert('RGB'))[0, 1].tolist() == [0, 9, 0]
    with pytest.raises(ValueError, match='adds frames of background'):
        evaluate(samples, avss(pad_clips_to=10), **meta)
