# Copyright (c) mmteso contributors. All rights reserved.
import pickle

import pytest
import torch
from mmengine import load
from mmengine.evaluator import Evaluator
from mmengine.structures import LabelData, PixelData
from mmseg.registry import METRICS
from mmseg.structures import SegDataSample

from mmteso.evaluation import DumpAVSResults


def make_sample(number):
    """A frame of a batch of two, whose fields are views of the batch's."""
    generator = torch.Generator().manual_seed(number)
    batch = torch.rand(2, 1, 64, 64, generator=generator)
    labels = torch.randint(0, 3, (1, 64, 64), generator=generator)
    labels[0, 0, 0] = 255
    return SegDataSample(
        seg_logits=PixelData(data=torch.rand(71, 64, 64)),
        pred_sem_seg=PixelData(data=labels),
        gt_sem_seg=PixelData(data=labels.flip(-1)),
        sounding_score=PixelData(data=batch[1]),
        gt_cues=LabelData(label=torch.tensor([1., 0., -1.])),
        cue_kept=torch.ones(5, 3, dtype=torch.bool)[2],
        far=torch.tensor([-1, 300]),
        empty=torch.zeros(0, dtype=torch.long),
        metainfo=dict(uid='clip', frame=number, text_cues=['dog', 'cat']))


def test_what_is_written(tmp_path):
    path = tmp_path / 'new' / 'results.pkl'
    samples = [make_sample(number) for number in range(2)]
    evaluator = Evaluator(
        dict(type='mmseg.DumpAVSResults', out_file_path=str(path)))
    evaluator.process(samples)
    assert evaluator.evaluate(2) == {}
    assert METRICS.get('DumpAVSResults') is DumpAVSResults
    found = load(path)
    assert len(found) == 2
    for sample, result in zip(samples, found):
        expected = sample.to_dict()
        assert set(result) == set(expected) - {'seg_logits'}
        for key in ('pred_sem_seg', 'gt_sem_seg'):
            assert result[key]['data'].dtype == torch.uint8
            assert torch.equal(result[key]['data'].long(),
                               expected[key]['data'])
        for key in ('far', 'empty', 'cue_kept'):
            assert result[key].dtype == expected[key].dtype
            assert torch.equal(result[key], expected[key])
        assert torch.equal(result['sounding_score']['data'],
                           expected['sounding_score']['data'])
        assert result['gt_cues']['label'].tolist() == [1, 0, -1]
        assert result['text_cues'] == ['dog', 'cat']
    # a float and two bytes a pixel, and a kilobyte for each tensor
    pixels = 2 * 64 * 64
    assert 6 * pixels < path.stat().st_size < 6 * pixels + 20000
    # the samples are as they were
    assert samples[0].pred_sem_seg.data.dtype == torch.int64


def test_wrong_name():
    with pytest.raises(ValueError, match='pkl'):
        DumpAVSResults('results.json')


def test_gathers_what_it_writes():
    """Results of several processes are exchanged as pickles."""
    metric = DumpAVSResults('results.pkl')
    metric.process(None, [make_sample(0).to_dict()])
    assert len(pickle.dumps(metric.results)) < 40000
