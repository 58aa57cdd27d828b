# Copyright (c) mmteso contributors. All rights reserved.
"""Metrics that can be trusted.

They order what goes wrong with a mask as they must, and give what a plain loop
over all frames gives, whatever the batches, with one process or two, pickled
on the way or not.
"""
import json
import math
import multiprocessing
import os
import pickle

import numpy as np
import pytest
import torch
import torch.distributed as dist
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.structures import LabelData, PixelData
from mmseg.registry import METRICS
from mmseg.structures import SegDataSample

from mmteso.evaluation.functional import average_frames, score_frame

CLASSES = ('background', 'dog', 'guitar', 'man')
NUM_FRAMES = 37


# ------------------------------------------------- what goes wrong with a mask
def square(top, left, side, size=40):
    mask = torch.zeros(1, size, size, dtype=torch.long)
    mask[:, top:top + side, left:left + side] = 1
    return mask


def scores_of(prediction, truth):
    scores = average_frames([score_frame(prediction.float(), truth)])
    # under a sound that is not of the scene, foreground is the FPR
    return [100 * scores[key] for key in ('J', 'F', 'foreground')]


@settings(max_examples=25)
@given(side=st.integers(10, 12), edge=st.integers(1, 2),
       top=st.integers(2, 24), left=st.integers(2, 6))
def test_six_predictions_are_in_order(side, edge, top, left):
    """Of a square that sounds beside one that doesn't."""
    truth = square(top, left, side)
    silent = square(top, left + side + 3, side)
    half = side // 2
    predictions = dict(perfect=truth, merged=truth | silent, wrong=silent,
                       cut=square(top, left, side) - square(top, left, half),
                       eroded=square(top + edge, left + edge, side - 2 * edge),
                       dilated=square(top - edge, left - edge, side +
                                      2 * edge))
    j, f, fpr = ({name: scores_of(mask, truth)[number]
                  for name, mask in predictions.items()}
                 for number in range(3))
    area = side * side
    kept = dict(cut=area - half * half, eroded=(side - 2 * edge)**2)
    more = dict(merged=2 * area, dilated=(side + 2 * edge)**2)
    expected = dict(perfect=1., wrong=0., **{n: kept[n] / area for n in kept},
                    **{n: area / more[n] for n in more})
    assert j == pytest.approx({n: 100 * expected[n] for n in j}, abs=1e-3)
    assert max(j, key=j.get) == 'perfect' and min(j, key=j.get) == 'wrong'
    assert j['eroded'] < j['dilated'] < j['cut']
    assert j['merged'] < j['dilated']

    def measure(precision, recall):
        return 130 * precision * recall / (.3 * precision + recall)

    floor = measure(area / 1600, 1)  # threshold 0 marks all pixels
    expected = dict(perfect=100., wrong=floor,
                    **{n: measure(1, kept[n] / area) for n in kept},
                    **{n: measure(area / more[n], 1) for n in more})
    assert f == pytest.approx(expected, abs=1e-3)
    # precision weighs more: what is missing costs less than what is too much
    assert f['perfect'] > f['cut'] > f['dilated'] > f['merged'] > f['wrong']

    assert fpr == pytest.approx({
        n: 100 * dict(kept, **more).get(n, area) / 1600 for n in fpr})
    assert fpr['eroded'] < fpr['cut'] < fpr['perfect'] == fpr['wrong'] < \
        fpr['dilated'] < fpr['merged']


# -------------------------------------------------------------- all the same
def frames():
    """Data samples as a test gives them, with all that a metric reads."""
    rng = np.random.default_rng(0)
    samples = []
    for index in range(NUM_FRAMES):
        seen = torch.from_numpy(rng.integers(0, 4, (1, 9, 7)))
        truth = seen * (seen != 1 + index % 3) * (index % 5 != 3)
        names = [str(name) for name in rng.permutation(CLASSES[1:])]
        names = names[:index % 4]
        sounding = [CLASSES[label] for label in truth.unique() if label]
        sample = SegDataSample(
            gt_sem_seg=PixelData(data=truth),
            gt_visible=PixelData(data=seen),
            pred_sem_seg=PixelData(
                data=torch.from_numpy(rng.integers(0, 4, (1, 9, 7)))),
            sounding_score=PixelData(
                data=torch.from_numpy(rng.random((1, 9, 7), np.float32))),
            gt_cues=LabelData(label=torch.tensor(
                [float(name in sounding) for name in names] + [-1.] *
                (4 - len(names)))),
            metainfo=dict(
                uid=f'clip{index // 5}', frame=index % 5, sample_idx=index,
                text_cues=names, frame_classes=tuple(sounding)))
        sample.cue_kept = torch.from_numpy(rng.random(4) < .7) & (
            torch.arange(4) < len(names))
        sample.cue_scores = torch.from_numpy(rng.random(4))
        samples.append(sample.to_dict())
    return samples


def data(sample, key):
    return sample[key]['data'][0].numpy()


def curve_and_iou(sample):
    truth, score = data(sample, 'gt_sem_seg') > 0, data(
        sample, 'sounding_score')
    found = score > .5
    if not truth.any():
        return None, (~found).mean()
    curve = []
    for threshold in np.linspace(0, 1 - 1e-10, 255, dtype=np.float32):
        marked = score >= threshold
        hits = (marked & truth).sum()
        curve.append(1.3 * hits / (marked.sum() + .3 * truth.sum()))
    return np.array(curve), (found & truth).sum() / (found | truth).sum()


def mean(values):
    values = [value for value in values if not math.isnan(value)]
    return sum(values) / len(values) if values else math.nan


def avs(samples):
    pairs = [curve_and_iou(sample) for sample in samples]
    curves = [curve for curve, _ in pairs if curve is not None]
    heard = [sample for sample, (curve, _) in zip(samples, pairs)
             if curve is not None]
    silent = [(data(s, 'gt_visible') > 0) & (data(s, 'gt_sem_seg') == 0)
              for s in samples]
    shares = [(data(s, 'sounding_score') > .5).mean() for s in samples]
    return dict(
        J=mean(iou for _, iou in pairs),
        F=mean(curve.max() for curve in curves),
        F_curve=np.mean(curves, 0).max(),
        J_sounding=mean(iou for curve, iou in pairs if curve is not None),
        J_part=mean(iou for (curve, iou), part in zip(pairs, silent)
                    if curve is not None and part.any()),
        foreground=mean(shares), blank=mean(
            (data(s, 'sounding_score') > .5).mean() < .002 for s in heard))


def avsbench(samples, size=4):
    """As the reference's scripts with a batch of 4."""
    batches = [samples[i:i + size] for i in range(0, len(samples), size)]
    pairs = [[curve_and_iou(sample) for sample in batch] for batch in batches]
    curves = [[curve for curve, _ in batch if curve is not None]
              for batch in pairs]
    return dict(avs(samples),
                J=mean(mean(iou for _, iou in batch) for batch in pairs),
                F=mean(np.mean(c, 0).max() if c else 0. for c in curves))


def avss(samples):
    ious, fs = {}, {}
    for sample in samples:
        found, truth = data(sample, 'pred_sem_seg'), data(sample, 'gt_sem_seg')
        for label in np.union1d(found, truth):
            a, b = found == label, truth == label
            ious.setdefault(label, []).append((a & b).sum() / (a | b).sum())
            fs.setdefault(label, []).append(
                1.3 * (a & b).sum() / (a.sum() + .3 * b.sum()))
    result = {}
    for key, values in (('mIoU', ious), ('F', fs)):
        result[f'avss/{key}'] = mean(map(mean, values.values()))
        result[f'avss/{key}_noBg'] = mean(
            mean(values[label]) for label in values if label)
    return dict(result, **{'avss/num_classes': len(ious) / 100})


def recognition(samples):
    rows = {}
    for sample in samples:
        truth = set(sample['frame_classes'])
        kept = [i for i, name in enumerate(sample['text_cues'])
                if sample['cue_kept'][i]]
        kept.sort(key=lambda i: -sample['cue_scores'][i])
        for key, names in ((1, sample['text_cues']),
                           (2, [sample['text_cues'][i] for i in kept])):
            right = [name in truth for name in names]
            hits = sum(right)
            ap = sum(sum(right[:i + 1]) / (i + 1)
                     for i in range(len(names)) if right[i])
            for what, value in (
                ('precision', hits / len(names) if names else math.nan),
                ('recall', hits / len(truth) if truth else math.nan),
                ('F1', 2 * hits / (len(names) + len(truth))
                 if names or truth else math.nan),
                ('AP' if key == 2 else 'AP_by_order',
                 ap / len(truth) if truth else math.nan)):
                rows.setdefault(f'cues/rec{key}_{what}', []).append(value)
    return {key: mean(values) for key, values in rows.items()}


def selection(samples):
    kept = {0: [], 1: []}
    for sample in samples:
        for target, keeps in zip(sample['gt_cues']['label'].tolist(),
                                 sample['cue_kept'].tolist()):
            if target >= 0:
                kept[target].append(keeps)
    return {'cues/sounding_kept': mean(kept[1]),
            'cues/silent_kept': mean(kept[0])}


REFERENCES = [
    (dict(type='AVSMetric'), avs),
    (dict(type='AVSMetric', protocol='avsbench', group_size=4), avsbench),
    (dict(type='AVSSMetric'), avss),
    (dict(type='CueRecognitionMetric', synonyms=None), recognition),
    (dict(type='CueSelectionMetric'), selection),
]


def evaluate(config, samples, batch, pickled):
    metric = METRICS.build(config)
    metric.dataset_meta = dict(classes=CLASSES)
    for start in range(0, len(samples), batch):
        if pickled:
            metric = pickle.loads(pickle.dumps(metric))
        metric.process({}, samples[start:start + batch])
    return metric.evaluate(NUM_FRAMES)


def evaluate_all(samples, batch, pickled):
    return [evaluate(config, samples, batch, pickled)
            for config, _ in REFERENCES]


def run_process(rank, folder):
    """One of two processes, which share the frames as a sampler does."""
    os.chdir(folder)  # mmengine collects the results below it
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo', f'file://{folder}/meet', rank=rank, world_size=2)
    samples = frames()
    # an even number: one frame is there twice, and doesn't count
    mine = [*samples, samples[0]][rank::2]
    results = [evaluate_all(mine, batch, batch == 4) for batch in (1, 4, 16)]
    if rank == 0:
        with open('results.json', 'w') as file:
            json.dump(results, file)
    dist.barrier()


@pytest.fixture(scope='module')
def expected():
    return [{key: 100 * value for key, value in loop(frames()).items()}
            for _, loop in REFERENCES]


@pytest.mark.parametrize('batch', [1, 4, 16])
@pytest.mark.parametrize('pickled', [False, True])
def test_one_process(batch, pickled, expected):
    # and the other way round
    samples = frames()[::-1] if pickled else frames()
    found = evaluate_all(samples, batch, pickled)
    for scores, reference in zip(found, expected, strict=True):
        assert scores == pytest.approx(reference, rel=1e-5, nan_ok=True)


def test_two_processes(tmp_path, expected):
    context = multiprocessing.get_context('fork')
    processes = [context.Process(target=run_process,
                                 args=(rank, str(tmp_path)))
                 for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        process.kill()
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    alone = evaluate_all(frames(), 1, False)
    with open(tmp_path / 'results.json') as file:
        for found in json.load(file):
            assert found == alone  # to the last digit
