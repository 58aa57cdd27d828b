# Copyright (c) mmteso contributors. All rights reserved.
"""Predictions as PNG files and as pickles."""
import numpy as np
import pytest
import torch
from mmengine import load
from mmengine.evaluator import Evaluator
from mmengine.structures import LabelData, PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from mmteso.evaluation import AVSMetric, AVSSMetric

PALETTE = [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
SCORE = torch.tensor([[0.1, 0.4, 0.41], [0.9, 0.5, 0.0]])
LABELS = torch.tensor([[0, 1, 2], [2, 0, 1]])


def sample(**metainfo):
    metainfo = {**dict(subset='v1s', uid='clip_0', frame=0), **metainfo}
    return SegDataSample(sounding_score=PixelData(data=SCORE[None]),
                         pred_sem_seg=PixelData(data=LABELS[None]),
                         gt_sem_seg=PixelData(data=LABELS[None]),
                         metainfo=metainfo).to_dict()


@pytest.mark.parametrize('score_size', [None, (7, 7)])
def test_sounding_pixels(tmp_path, score_size):
    """Frame 0 of two videos; what J counts, at the prediction's size."""
    metric = AVSMetric(
        threshold=0.4, score_size=score_size, output_dir=str(tmp_path))
    metric.process({}, [sample(), sample(uid='clip_1', frame=12)])
    files = sorted(
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*.png'))
    assert files == ['v1s/clip_0/0.png', 'v1s/clip_1/12.png']
    image = np.asarray(Image.open(tmp_path / files[0]))
    # 0.4 is not above it
    assert image.tolist() == [[0, 0, 255], [255, 255, 0]]


@pytest.mark.parametrize('meta, mode', [(dict(palette=PALETTE), 'P'),
                                        (dict(), 'L')])
def test_classes(tmp_path, meta, mode):
    metric = AVSSMetric(num_classes=3, output_dir=str(tmp_path))
    metric.dataset_meta = meta
    metric.process({}, [sample()])
    image = Image.open(tmp_path / 'v1s' / 'clip_0' / '0.png')
    assert image.mode == mode
    assert np.array_equal(image, LABELS)
    if meta:
        assert np.array_equal(image.convert('RGB'), np.array(PALETTE)[LABELS])
    nameless = sample()
    del nameless['subset']
    with pytest.raises(KeyError, match='subset.*PackAVTInputs'):
        metric.process({}, [nameless])


@pytest.mark.parametrize('metric', [AVSMetric, AVSSMetric])
def test_format_only_needs_no_truth(tmp_path, metric):
    metric = metric(format_only=True, output_dir=str(tmp_path))
    frame = sample()
    del frame['gt_sem_seg']
    metric.process({}, [frame])
    assert metric.evaluate(1) == {}
    assert 'not scored' in metric.describe()
    assert (tmp_path / 'v1s' / 'clip_0' / '0.png').exists()


def test_pickle(tmp_path):
    """All but the class maps, exactly; labels as bytes."""
    path = tmp_path / 'new' / 'results.pkl'
    batch = torch.rand(50, 1, 64, 64)  # the fields are views of a batch's
    labels = torch.randint(0, 3, (1, 64, 64))
    labels[0, 0, 0] = 255
    frame = SegDataSample(
        seg_logits=PixelData(data=torch.rand(71, 64, 64)),
        pred_sem_seg=PixelData(data=labels),
        sounding_score=PixelData(data=batch[1]),
        gt_cues=LabelData(label=torch.tensor([1., 0., -1.])),
        far=torch.tensor([-1, 300]),
        metainfo=dict(uid='clip', frame=3, text_cues=['dog', 'cat']))
    evaluator = Evaluator(
        dict(type='mmseg.DumpAVSResults', out_file_path=str(path)))
    evaluator.process([frame])
    assert evaluator.evaluate(1) == {}
    found, = load(path)
    expected = frame.to_dict()
    assert set(found) == set(expected) - {'seg_logits'}
    assert found['pred_sem_seg']['data'].dtype == torch.uint8
    assert torch.equal(found['pred_sem_seg']['data'].long(), labels)
    assert torch.equal(found['sounding_score']['data'], batch[1])
    assert found['far'].tolist() == [-1, 300]
    assert found['gt_cues']['label'].tolist() == [1, 0, -1]
    assert found['text_cues'] == ['dog', 'cat']
    # a float and a byte a pixel, and a kilobyte for each tensor
    assert path.stat().st_size < 5 * 64 * 64 + 10000
