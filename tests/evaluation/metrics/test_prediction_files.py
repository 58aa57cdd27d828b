# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from mmteso.evaluation import AVSMetric, AVSSMetric
from mmteso.evaluation.metrics.prediction_files import write_prediction

PALETTE = [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
SCORE = torch.tensor([[0.1, 0.4, 0.41], [0.9, 0.5, 0.0]])
LABELS = torch.tensor([[0, 1, 2], [2, 0, 1]])


def sample(**metainfo):
    metainfo = {**dict(subset='v1s', uid='clip_0', frame=0), **metainfo}
    return SegDataSample(
        sounding_score=PixelData(data=SCORE[None]),
        pred_sem_seg=PixelData(data=LABELS[None]),
        gt_sem_seg=PixelData(data=LABELS[None]),
        metainfo=metainfo).to_dict()


def test_grey_and_palette(tmp_path):
    name = dict(subset='v2', uid='a', frame=3)
    path = write_prediction(str(tmp_path), name, LABELS)
    assert path == str(tmp_path / 'v2' / 'a' / '3.png')
    image = Image.open(path)
    assert image.mode == 'L'
    assert np.array_equal(image, LABELS)
    # the same file again, (1, H, W)
    write_prediction(str(tmp_path), name, LABELS[None], PALETTE)
    image = Image.open(path)
    assert image.mode == 'P'
    assert np.array_equal(image, LABELS)
    assert np.array_equal(image.convert('RGB'), np.array(PALETTE)[LABELS])


@pytest.mark.parametrize('key', ['subset', 'uid', 'frame'])
def test_frame_without_a_name(tmp_path, key):
    name = dict(subset='v2', uid='a', frame=3)
    del name[key]
    with pytest.raises(KeyError, match=f'{key}.*PackAVTInputs'):
        write_prediction(str(tmp_path), name, LABELS)


@pytest.mark.parametrize('score_size', [None, (7, 7)])
def test_avs_metric(tmp_path, score_size):
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
def test_avss_metric(tmp_path, meta, mode):
    metric = AVSSMetric(num_classes=3, output_dir=str(tmp_path))
    metric.dataset_meta = meta
    metric.process({}, [sample()])
    image = Image.open(tmp_path / 'v1s' / 'clip_0' / '0.png')
    assert image.mode == mode
    assert np.array_equal(image, LABELS)


def test_nothing_is_written_unasked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for metric in AVSMetric(), AVSSMetric(num_classes=3):
        metric.process({}, [sample()])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('metric', [AVSMetric, AVSSMetric])
def test_format_only_needs_no_truth(tmp_path, metric):
    metric = metric(format_only=True, output_dir=str(tmp_path))
    frame = sample()
    del frame['gt_sem_seg']
    metric.process({}, [frame])
    assert metric.evaluate(1) == {}
    assert 'not scored' in metric.describe()
    assert (tmp_path / 'v1s' / 'clip_0' / '0.png').exists()
