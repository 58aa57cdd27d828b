# Copyright (c) mmteso contributors. All rights reserved.
import math

import pytest
import torch
from mmengine.structures import BaseDataElement
from mmseg.registry import METRICS

from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.evaluation import CueRecognitionMetric, CueSelectionMetric

CLASSES = ('background', 'dog', 'guitar', 'man')
NAMES = [f'cues/rec{number}_{name}'
         for number, ap in ((1, 'AP_by_order'), (2, 'AP'))
         for name in ('precision', 'recall', 'F1', ap)]


def frame(cues, kept, scores, classes, **keys):
    """A data sample as a metric gets it; padded to four cues."""
    sample = BaseDataElement(
        metainfo=dict(dict(uid='u', frame=2, text_cues=cues.split(),
                           frame_classes=tuple(classes.split())), **keys))
    sample.cue_kept = torch.tensor(kept + [False] * (4 - len(kept)))
    sample.cue_scores = torch.tensor(scores + [0.] * (4 - len(scores)))
    return sample.to_dict()


FRAMES = [
    # all cues: 2/3, 1, (1 + 2/3) / 2; kept, ranked man, guitar: 1/2, 1/2, 1/2
    frame('dog guitar man', [False, True, True], [.9, -.1, .5], 'dog man'),
    # a wrong cue that the mask drops; nothing is left to be wrong
    frame('guitar', [False], [-1.], ''),
    # no cues
    frame('', [], [], 'dog'),
]


def build(class_names=CLASSES, **kwargs):
    metric = METRICS.build(dict(type='CueRecognitionMetric', **kwargs))
    # as the runner says; of a binary data set
    metric.dataset_meta = dict(
        classes=('background', 'sounding'), class_names=class_names)
    return metric


def evaluate(frames, **kwargs):
    metric = build(**kwargs)
    metric.process({}, frames)
    return metric.evaluate(len(frames))


def test_by_hand():
    scores = evaluate(FRAMES)
    assert list(scores) == NAMES
    expected = dict(rec1_precision=(2 / 3 + 0) / 2, rec1_recall=(1 + 0) / 2,
                    rec1_F1=(4 / 5 + 0 + 0) / 3,
                    rec1_AP_by_order=((1 + 2 / 3) / 2 + 0) / 2,
                    rec2_precision=1 / 2, rec2_recall=(1 / 2 + 0) / 2,
                    rec2_F1=(1 / 2 + 0) / 2, rec2_AP=(1 / 2 + 0) / 2)
    assert scores == pytest.approx({f'cues/{key}': 100 * value
                                    for key, value in expected.items()})
    assert evaluate(FRAMES[::-1]) == scores
    pooled = evaluate(FRAMES, average='pooled')
    assert pooled['cues/rec1_precision'] == pytest.approx(100 * 2 / 4)
    assert pooled['cues/rec2_recall'] == pytest.approx(100 * 1 / 3)


def test_the_videos_label():
    sample = frame(
        'dog', [True], [0.], '', frame_classes=None, a_obj=('dog', ))
    with pytest.raises(ValueError, match="binary. Use truth='a_obj'"):
        evaluate([sample])
    scores = evaluate([sample], truth='a_obj')
    assert set(scores.values()) == {100.}


@pytest.mark.parametrize('options, precision', [
    (dict(), 100.),
    (dict(synonyms=None), 0.),
    (dict(synonyms='avsbench', head_noun=False), 50.),
    (dict(synonyms='avsbench', head_noun=False, unknown='ignore'), 100.),
])
def test_synonyms(options, precision):
    sample = frame('person old-dog', [True, True], [0., 1.], 'woman dog')
    scores = evaluate([sample], class_names=AVSBENCH_CLASSES, **options)
    assert scores['cues/rec2_precision'] == precision


@pytest.mark.parametrize(
    'key, message', [('cue_kept', "'cue_kept'.*prompt_encoder"),
                     ('text_cues', "'text_cues'.*LoadTextCues"),
                     ('frame_classes', 'frame_classes.*LoadAVSAnnotations')])
def test_says_what_is_missing(key, message):
    sample = frame('dog', [True], [0.], 'dog')
    del sample[key]
    with pytest.raises(KeyError, match=message):
        evaluate([sample])


@pytest.mark.parametrize('sample, message', [
    (frame('dog', [True], [0.], 'red-disc'), r"'red-disc'\] sound.s., which"),
    # a kept cue of the padding; more cues than places
    (frame('dog', [True, True], [0.], 'dog'), '1 cues .*do not fit cue_kept'),
    (frame('dog a b c d', [True], [0.], 'dog'), '5 cues .*do not fit'),
    (frame('dog', [True], [math.nan], 'dog'), 'is NaN'),
])
def test_samples_that_do_not_fit(sample, message):
    with pytest.raises(ValueError, match=f'Frame 2 of u .*{message}'):
        evaluate([sample])


@pytest.mark.parametrize('options, error, message', [
    (dict(truth='label'), ValueError, "truth must be one of .'mask', 'a_obj'"),
    (dict(unknown='right'), ValueError, 'unknown must be one of'),
    (dict(average='video'), ValueError, 'average must be one of'),
    (dict(synonyms='none.yaml'), FileNotFoundError, 'no synonyms'),
])
def test_impossible_arguments(options, error, message):
    with pytest.raises(error, match=message):
        CueRecognitionMetric(**options)


def test_classes_are_the_data_sets():
    with pytest.raises(ValueError, match='Frame 2 of u .*lacks'):
        evaluate(FRAMES, synonyms='avsbench')
    with pytest.raises(ValueError, match='knows its classes'):
        CueRecognitionMetric().process({}, FRAMES)
    assert "'avsbench' with head nouns" in build(AVSBENCH_CLASSES).describe()
    assert 'class names only' in build().describe()


def selection(kept, target):
    return dict(cue_kept=torch.tensor(kept),
                gt_cues=dict(label=torch.tensor(target, dtype=torch.float32)))


def test_shares_of_each_split():
    metric = CueSelectionMetric(report_by='split')
    metric.process({}, [dict(selection([True, False], [1, 1]), split='test'),
                        dict(selection([True, False], [1, 0]),
                             split='test_unseen')])
    scores = metric.evaluate(2)
    assert scores.pop('cues/silent_kept@test') != 0  # nan: no such cue
    assert scores == {
        'cues/sounding_kept': pytest.approx(200 / 3),
        'cues/silent_kept': 0.,
        'cues/sounding_kept@test': 50.,
        'cues/sounding_kept@test_unseen': 100.,
        'cues/silent_kept@test_unseen': 0.
    }
    with pytest.raises(KeyError, match="'split'.*report_by names it"):
        metric.process({}, [selection([True], [1])])
