# Copyright (c) mmteso contributors. All rights reserved.
"""How well a frame's text cues name the classes that sound in it.

The paper reports "REC" without defining it; this is the project's reading.
"""
import dataclasses
import itertools
import math
from typing import (Any, Callable, Collection, Dict, FrozenSet, Hashable,
                    Iterable, Mapping, Optional, Sequence, Set)

from mmteso.io import normalize_phrase
from .foreground import mean

ClassesOf = Callable[[str], Collection[str]]


# no named tuple: mmengine's BaseMetric makes a plain one of it
@dataclasses.dataclass(frozen=True)
class FrameRecognition:
    """What a frame's cues got right."""
    right: int  #: Different things named that sound.
    wrong: int  #: Different things named that don't.
    named: int  #: Classes that sound and are named.
    true: int  #: Classes that sound.
    ap: float  #: Average precision; NaN if no class sounds.

    @property
    def precision(self) -> float:
        """``right / (right + wrong)``; NaN without cues."""
        count = self.right + self.wrong
        return self.right / count if count else math.nan

    @property
    def recall(self) -> float:
        """``named / true``; NaN if no class sounds."""
        return self.named / self.true if self.true else math.nan

    @property
    def f1(self) -> float:
        """Harmonic mean of both; NaN if there is neither cue nor class."""
        if self.right:
            return 2 * self.precision * self.recall / (
                self.precision + self.recall)
        return 0. if self.wrong or self.true else math.nan


def true_classes(frame: Mapping[str, Any], truth: str) -> FrozenSet[str]:
    """The classes that sound in a frame, of its metainfo or result dict.

    ``truth`` is 'mask', the classes in its semantic mask (``frame_classes``);
    or 'a_obj', the video's label, the same for all frames and where there is a
    label also for silent ones. A KeyError or ValueError if the frame lacks
    what the truth needs.
    """
    key = dict(mask='frame_classes', a_obj='a_obj')[truth]
    where = (f'frame {frame.get("frame", "?")} of '
             f'"{frame.get("uid", frame.get("img_path", "?"))}"')
    if key not in frame:
        raise KeyError(
            f"truth={truth!r} needs {key!r}, which {where} lacks: " +
            ('add LoadAVSAnnotations to the pipeline and ' if truth ==
             'mask' else 'the data set must give the video\'s labels; ') +
            f'keep {key!r} in the meta_keys of PackAVTInputs.')
    if frame[key] is None:
        raise ValueError(
            f"truth={truth!r} needs to know which classes sound in {where}, "
            f"but {key!r} is None" +
            (": its mask is binary. Use truth='a_obj', the video's label."
             if truth == 'mask' else '.'))
    return frozenset(frame[key])


def recognize_cues(cues: Sequence[str],
                   truth: Collection[str],
                   classes_of: ClassesOf,
                   scores: Optional[Sequence[float]] = None,
                   unknown: str = 'wrong') -> FrameRecognition:
    """Compare a frame's cues with the classes that sound in it.

    A cue means classes, several if its word is a wide one ('person'). It is
    *right* if one of them sounds, else *wrong*. What is named twice counts
    once: right cues are one thing if the sounding classes that they mean are
    the same ('guy' and 'man'; 'man' and 'person' where only a man sounds),
    wrong cues if the classes that they mean are the same, and cues of no
    class if they are the same phrase.

    Precision is the share of the right among the things named, recall the
    share of the sounding classes that some cue means: one wide word finds all
    of its classes that sound.

    The average precision goes down the ranks. With P and R the precision and
    recall of the cues so far, it is the sum of P times the increase of R over
    the ranks; classes that no cue means stay missing. Cues of equal score
    have one rank.

    Args:
        cues (Sequence[str]): The cues.
        truth (Collection[str]): Names of the classes that sound.
        classes_of (Callable): Names of the classes that a phrase means, such
            as :meth:`mmteso.datasets.ClassSynonyms.classes_of`.
        scores (Sequence[float], optional): Scores of the cues, the highest
            ranks first. Defaults to None: ranked in their order.
        unknown (str): A cue that means no class is 'wrong', or left out
            ('ignore'). Defaults to 'wrong'.

    Raises:
        ValueError: If a score is NaN.
    """
    if any(math.isnan(score) for score in scores or ()):
        raise ValueError(f'A score of the cues is NaN: {list(scores)}.')
    truth = frozenset(truth)
    right: Set[Hashable] = set()
    wrong: Set[Hashable] = set()
    named: Set[str] = set()
    ap = 0. if truth else math.nan
    places = range(len(cues))
    ranks = [[place] for place in places]
    if scores is not None:
        by_score = sorted(places, key=lambda place: -scores[place])
        ranks = [
            list(group) for _, group in itertools.groupby(
                by_score, key=lambda place: scores[place])
        ]
    for places in ranks:
        before = len(named)
        for place in places:
            classes = frozenset(classes_of(cues[place]))
            sounding = classes & truth
            if sounding:
                right.add(sounding)
                named |= sounding
            elif classes:
                wrong.add(classes)
            elif unknown == 'wrong':
                wrong.add(normalize_phrase(cues[place]))
        if len(named) > before:
            precision = len(right) / (len(right) + len(wrong))
            ap += precision * (len(named) - before) / len(truth)
    return FrameRecognition(
        len(right), len(wrong), len(named), len(truth), ap)


def average_recognition(frames: Iterable[FrameRecognition],
                        average: str = 'frame') -> Dict[str, float]:
    """From frames to a test set: ``precision``, ``recall``, ``F1`` and ``AP``
    in [0, 1]; NaN where no frame counts.

    With 'frame' each frame weighs the same: precision is averaged over the
    frames with cues (those where nothing sounds have 0), recall and AP over
    the frames where a class sounds (those without cues have 0), F1 over the
    frames that have either. With 'pooled' each thing named and each class
    weighs the same: precision, recall and F1 of the sums. AP is per frame in
    both.
    """
    frames = list(frames)

    def known(values: Iterable[float]) -> float:
        return mean(value for value in values if not math.isnan(value))

    scores = dict(
        precision=known(f.precision for f in frames),
        recall=known(f.recall for f in frames),
        F1=known(f.f1 for f in frames),
        AP=known(f.ap for f in frames))
    if average == 'pooled':
        pool = FrameRecognition(
            sum(f.right for f in frames), sum(f.wrong for f in frames),
            sum(f.named for f in frames), sum(f.true for f in frames),
            math.nan)
        scores.update(
            precision=pool.precision, recall=pool.recall, F1=pool.f1)
    return scores
