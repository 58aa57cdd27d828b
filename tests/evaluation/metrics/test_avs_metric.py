# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmteso.evaluation import AVSMetric

KEYS = ['J', 'F', 'F_curve', 'J_sounding', 'J_part', 'foreground', 'blank']


def make_samples(num=23, visible=True, seed=0):
    """Data samples as a segmentor returns them, sizes vary."""
    g = torch.Generator().manual_seed(seed)
    samples = []
    for i in range(num):
        h, w = (int(x) for x in torch.randint(4, 9, (2, ), generator=g))
        seen = torch.randint(0, 3, (1, h, w), generator=g)
        sample = SegDataSample(
            gt_sem_seg=PixelData(data=seen * (seen == 1) * (i % 5 != 3)),
            sounding_score=PixelData(data=torch.rand(1, h, w, generator=g)),
            metainfo=dict(uid=f'clip{i // 5}', frame=i % 5, sample_idx=i))
        if visible:
            sample.gt_visible = PixelData(data=seen)
        samples.append(sample)
    return samples


def evaluate(samples, batch=1, **kwargs):
    """Through mmengine's own evaluator, as a test loop does it."""
    evaluator = Evaluator(dict(type='mmseg.AVSMetric', **kwargs))
    for start in range(0, len(samples), batch):
        evaluator.process(samples[start:start + batch])
    return evaluator.evaluate(len(samples))


def test_arguments_reach_the_functions():
    samples = make_samples()
    result = evaluate(samples)
    lenient = evaluate(samples, threshold=0.3)
    assert lenient['foreground'] > result['foreground']
    assert evaluate(samples, beta2=1.0)['F'] != result['F']
    assert evaluate(samples, num_thresholds=3)['F'] < result['F']
    assert evaluate(samples, blank_share=1.1)['blank'] == 100
    assert result['blank'] == 0
    strict = evaluate(samples, part_min_pixels=1000)
    assert strict['J_part'] != strict['J_part']  # NaN: no frame qualifies
    other = evaluate(samples, ignore_index=2)
    assert other['J_part'] != other['J_part']  # silent objects are ignored


def test_describe():
    """Settings tell numbers apart; the sizes are known afterwards."""
    settings = [dict(), dict(threshold=0.4), dict(beta2=1),
                dict(num_thresholds=99), dict(score_size=(224, 224)),
                *(dict(protocol='avsbench', group_size=size)
                  for size in (5, 20))]
    texts = {AVSMetric(**kwargs).describe() for kwargs in settings}
    assert len(texts) == len(settings)
    metric = AVSMetric()
    metric.process(None, [sample.to_dict() for sample in make_samples()])
    assert metric.describe().endswith("the ground truth's own size")
    metric.evaluate(23)
    assert '4 x 4 to 8 x 8' in metric.describe()


@pytest.mark.parametrize('key, match', [('sounding_score',
                                         'TeSOHead writes it'),
                                        ('gt_sem_seg', 'LoadAVSAnnotations')])
def test_missing_key(key, match):
    sample = make_samples(1)[0].to_dict()
    del sample[key]
    with pytest.raises(KeyError, match=match) as error:
        AVSMetric().process(None, [sample])
    assert 'Frame 0 of clip0' in str(error.value)


def test_bad_scores_name_the_frame():
    samples = make_samples(8)
    samples[7].sounding_score.data[0, 0, 0] = float('nan')
    with pytest.raises(ValueError, match='Frame 2 of clip1 .* without NaN'):
        evaluate(samples)


def test_avsbench_needs_the_datasets_order():
    samples = make_samples(6)
    protocol = dict(protocol='avsbench', group_size=2)
    samples[4].set_metainfo(dict(sample_idx=3))
    with pytest.raises(ValueError, match='only 5 have'):
        evaluate(samples, **protocol)
    sample = samples[0].to_dict()
    del sample['sample_idx']
    metric = AVSMetric(**protocol)
    metric.process(None, [sample])
    with pytest.raises(KeyError, match='meta_keys of PackAVTInputs'):
        metric.evaluate(1)


def test_score_size():
    """Doubled by the option = doubled by hand; the default leaves sizes."""
    gt = torch.tensor([[[1, 0], [0, 0]]])
    score = torch.tensor([[[1., 0.], [0., 0.]]])
    sample = SegDataSample(gt_sem_seg=PixelData(data=gt),
                           gt_visible=PixelData(data=torch.ones_like(gt)),
                           sounding_score=PixelData(data=score),
                           metainfo=dict(uid='clip', frame=0, sample_idx=0))
    assert evaluate([sample])['J'] == pytest.approx(100, abs=1e-3)
    # Bilinear (align_corners=False) from 2 to 4 keeps 1 in the corner and
    # gives 0.75, 0.25 and 0 along the first row; of the 4 true pixels those
    # at 1, 0.75, 0.75 and 0.75 ** 2 = 0.5625 stay above 0.5, and no others.
    result = evaluate([sample], score_size=(4, 4))
    assert result['foreground'] == pytest.approx(25)
    assert result['J'] == pytest.approx(100, abs=1e-3)
    # At a single pixel the mean of the four, 0.25, misses the object.
    result = evaluate([sample], score_size=(1, 1))
    assert (result['J'], result['foreground']) == (0, 0)
    assert 'scored at 1 x 1' in AVSMetric(score_size=(1, 1)).describe()


def test_report_by():
    samples = make_samples()
    with pytest.raises(KeyError, match="Frame 0 of clip0 has no 'split'"):
        evaluate(samples, report_by='split')
    for sample in samples:
        split = 'test' if int(sample.uid[4:]) % 2 else 'test_unseen'
        sample.set_metainfo(dict(split=split))
    kwargs = dict(protocol='avsbench', group_size=4)
    result = evaluate(samples, batch=3, report_by='split', **kwargs)
    expected = evaluate(samples, **kwargs)
    for split in ('test', 'test_unseen'):
        # as if these frames were all
        alone = evaluate([s for s in samples if s.split == split], **kwargs)
        expected.update({f'{key}@{split}': alone[key]
                         for key in ('J', 'F', 'J_part', 'foreground')})
    assert result == expected and list(result)[:7] == KEYS


def test_no_background_no_score():
    sample = make_samples(1)[0]
    metric = AVSMetric()
    metric.dataset_meta = dict(reduce_zero_label=True)
    with pytest.raises(ValueError, match='AVSSMetric or .* IoUMetric'):
        metric.process(None, [sample.to_dict()])
    sample.set_metainfo(dict(reduce_zero_label=True))
    with pytest.raises(ValueError, match='reduce_zero_label'):
        AVSMetric().process(None, [sample.to_dict()])
