# Copyright (c) mmteso contributors. All rights reserved.
import dataclasses
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmteso.datasets import ClassSynonyms
from mmteso.datasets.class_synonyms import SynonymTable
from mmteso.evaluation.functional import recognize_cues, true_classes

CLASSES = ('background', 'dog', 'guitar', 'man', 'woman')
CLASSES_OF = ClassSynonyms(
    CLASSES, SynonymTable(dict(dog=['hound'], man=['guy']),
                          dict(person=['man', 'woman']))).classes_of
NAN = math.nan


def recognize(cues, truth, scores=None, **kwargs):
    return recognize_cues(cues.split(), truth.split(), CLASSES_OF, scores,
                          **kwargs)


def counts_of(found):
    return dataclasses.astuple(found)[:4]


@pytest.mark.parametrize('cues, truth, expected', [
    # the usual cases
    ('dog', 'dog', (1, 1, 1, 1)),
    ('dog man', 'dog', (1 / 2, 1, 2 / 3, 1)),
    ('dog', 'dog man', (1, 1 / 2, 2 / 3, 1 / 2)),
    ('guitar dog man', 'dog man', (2 / 3, 1, 4 / 5, (1 / 2 + 2 / 3) / 2)),
    # nothing sounds; no cues; neither
    ('dog', '', (0, NAN, 0, NAN)),
    ('', 'dog', (NAN, 0, 0, 0)),
    ('', '', (NAN, NAN, NAN, NAN)),
    # named twice, right or wrong
    ('man guy dog', 'man', (1 / 2, 1, 2 / 3, 1)),
    ('dog hound man', 'man', (1 / 2, 1, 2 / 3, 1 / 2)),
    # a wide word: right if one of its classes sounds, finds all that do
    ('person', 'man', (1, 1, 1, 1)),
    ('person dog', 'man woman', (1 / 2, 1, 2 / 3, 1)),
    ('person', 'dog', (0, 0, 0, 0)),
    # the same thing where only a man sounds, two where both do
    ('man person dog', 'man', (1 / 2, 1, 2 / 3, 1)),
    ('man person dog', 'man woman', (2 / 3, 1, 4 / 5, 1)),
    ('man dog person', 'man woman', (2 / 3, 1, 4 / 5, (1 + 2 / 3) / 2)),
    # wrong ones of different classes are different things
    ('man person', 'dog', (0, 0, 0, 0)),
    # of no class: wrong, each phrase once
    ('lamp Lamp dog', 'dog', (1 / 2, 1, 2 / 3, 1 / 2)),
    ('background dog', 'dog', (1 / 2, 1, 2 / 3, 1 / 2)),
])
def test_by_hand(cues, truth, expected):
    found = recognize(cues, truth)
    result = (found.precision, found.recall, found.f1, found.ap)
    assert result == pytest.approx(expected, nan_ok=True)


WORDS = ('dog', 'hound', 'Guitar', 'man', 'guy', 'woman', 'person', 'old dog',
         'lamp', 'LAMP', 'fan', 'people', 'background')


def reference(cues, truth, scores):
    """Counts what the first ranks name anew for every threshold."""

    def counts(chosen):
        things = set()
        for cue in chosen:
            classes = set(CLASSES_OF(cue))
            hit = ' '.join(sorted(classes & truth))
            miss = ' '.join(sorted(classes)) or f'?{cue.lower()}'
            things.add((True, hit) if hit else (False, miss))
        right = sum(hit for hit, _ in things)
        named = {name for cue in chosen for name in CLASSES_OF(cue)
                 if name in truth}
        return right, len(things) - right, len(named)

    ap, recall = Fraction(0), Fraction(0)
    for threshold in sorted(set(scores), reverse=True):
        right, wrong, named = counts(
            [c for c, s in zip(cues, scores) if s >= threshold])
        if truth:
            now = Fraction(named, len(truth))
            ap += Fraction(right, right + wrong) * (now - recall)
            recall = now
    return (*counts(cues), len(truth), float(ap) if truth else NAN)


@given(st.lists(st.tuples(st.sampled_from(WORDS), st.integers(-2, 2)),
                max_size=7), st.sets(st.sampled_from(CLASSES[1:])))
def test_against_brute_force(ranked, truth):
    cues = [cue for cue, _ in ranked]
    scores = [float(score) for _, score in ranked]
    found = recognize_cues(cues, truth, CLASSES_OF, scores)
    expected = reference(cues, truth, scores)
    assert counts_of(found) == expected[:4]
    assert found.ap == pytest.approx(expected[4], nan_ok=True)
    # without scores: as if they fell from cue to cue
    places = [-float(place) for place in range(len(cues))]
    found = recognize_cues(cues, truth, CLASSES_OF)
    assert found.ap == pytest.approx(
        reference(cues, truth, places)[4], nan_ok=True)


@pytest.mark.parametrize('frame, truth, error, message', [
    (dict(), 'mask', KeyError,
     'which frame 3 of "u" lacks: add LoadAVSAnnotations'),
    (dict(), 'a_obj', KeyError, 'lacks: the data set must give'),
    (dict(frame_classes=None), 'mask', ValueError,
     "its mask is binary. Use truth='a_obj'"),
    (dict(a_obj=None), 'a_obj', ValueError, "'a_obj' is None"),
])
def test_unknown_truth(frame, truth, error, message):
    with pytest.raises(error, match=message):
        true_classes(dict(frame, uid='u', frame=3), truth)
