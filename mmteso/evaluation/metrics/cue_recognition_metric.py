# Copyright (c) mmteso contributors. All rights reserved.
from typing import Collection, Dict, List, Optional, Sequence, Tuple

from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS

from mmteso.choices import AVERAGES, TRUTHS, UNKNOWN, check_choices
from mmteso.datasets import (check_synonyms, choose_synonyms,
                             load_class_synonyms)
from ..functional import (FrameRecognition, average_recognition,
                          recognize_cues, true_classes)
from .samples import naming, needs


@METRICS.register_module()
class CueRecognitionMetric(BaseMetric):
    """How well the cues name what sounds, before and after the mask.

    The paper's REC#1 and REC#2. It doesn't define them; ours: REC#1 judges
    the cues as they were generated (those that reach the model, at most N_T),
    REC#2 those that the dynamic mask keeps. The truth are the classes in the
    frame's mask. A cue is right if it means one of them; things named twice
    count once; see :func:`mmteso.evaluation.functional.recognize_cues` for
    the definition to the letter. All results are in percent:

    - ``rec1_precision``, ``rec1_recall``, ``rec1_F1``;
    - ``rec1_AP_by_order``: average precision in the order of the cues, which
      is that of likelihood where a language model was asked for it;
    - ``rec2_precision``, ``rec2_recall``, ``rec2_F1``;
    - ``rec2_AP``: average precision of the kept cues, ranked by the score s_i
      (paper eq. 3).

    Frames that are silent have no recall and AP; their cues, if they have any,
    are wrong. Frames without cues have no precision, and if a class sounds a
    recall and AP of 0. F1 is over frames that have either. A result over no
    frame is NaN. Padding is no cue. See
    :func:`mmteso.evaluation.functional.average_recognition`.

    Reads ``cue_scores`` (N_T) and ``cue_kept`` (N_T), which a segmentor with a
    ``prompt_encoder`` predicts, and of the metainfo ``text_cues`` and
    ``frame_classes`` or ``a_obj`` (what :class:`PackAVTInputs` keeps). For
    AVSBench::

        test_evaluator = [
            dict(type='AVSMetric'),
            dict(type='CueRecognitionMetric')
        ]

    ``tools/analysis_tools/cue_recognition.py`` gives REC#1 of a cue file
    without a model.

    Args:
        truth (str): 'mask', the classes in the frame's semantic mask; or
            'a_obj', the video's label, for data whose masks are binary. An
            empty label (AVS-V3's lists leave some out) counts as silence.
            Default: 'mask'.
        synonyms (str, optional): Words for the classes, see
            :func:`mmteso.datasets.load_class_synonyms`. Default: 'auto'.
        head_noun (bool): With ``synonyms``: a phrase that is not known means
            what its last words do, e.g. 'acoustic guitar'. Default: True.
        unknown (str): A cue that means no class is 'wrong', or left out
            ('ignore'): it may be right about something that nobody labelled.
            Default: 'wrong'.
        average (str): 'frame': each frame weighs the same; 'pooled': each
            cue and class does. Default: 'frame'.
        **kwargs: ``collect_device``, ``prefix`` and ``collect_dir`` of
            :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: If an argument is out of its range, a frame's truth is not
            known or not of the class set, or its cues and scores don't fit.
        KeyError: If a data sample lacks a key.
    """

    default_prefix = 'cues'

    def __init__(self,
                 truth: str = 'mask',
                 synonyms: Optional[str] = 'auto',
                 head_noun: bool = True,
                 unknown: str = 'wrong',
                 average: str = 'frame',
                 **kwargs) -> None:
        super().__init__(**kwargs)
        check_choices(
            truth=(truth, TRUTHS),
            unknown=(unknown, UNKNOWN),
            average=(average, AVERAGES))
        check_synonyms(synonyms)
        self.truth = truth
        self.synonyms = synonyms
        self.head_noun = head_noun
        self.unknown = unknown
        self.average = average

    @property
    def class_names(self) -> Sequence[str]:
        """Sequence[str]: The data set's class set, background first."""
        meta = self.dataset_meta or {}
        names = meta.get('class_names', meta.get('classes'))
        if names is None:
            raise ValueError(
                'CueRecognitionMetric needs a data set that knows its '
                'classes: its metainfo has neither class_names nor classes.')
        return names

    def describe(self) -> str:
        """Truth, synonyms, and how frames are averaged, in one line."""
        truth = dict(
            mask="classes in the frame's mask",
            a_obj="the video's label")[self.truth]
        names = 'class names only'
        synonyms = choose_synonyms(self.synonyms, self.class_names)
        if synonyms is not None:
            names = (f'synonyms {synonyms!r} '
                     f'{"with" if self.head_noun else "without"} head nouns')
        average = dict(
            frame='per frame, then averaged',
            pooled='pooled over all frames (AP per frame)')[self.average]
        unknown = dict(
            wrong='wrong', ignore='left out')[self.unknown]
        return (f'REC#1 of the cues as generated, REC#2 of those kept; truth: '
                f'{truth}; {names}; cues of no class are {unknown}; {average}'
                '; AP of REC#2 ranked by score, of REC#1 in the order of the '
                'cues')

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Compare the cues of each frame of a batch with what sounds."""
        for sample in data_samples:
            writer = 'only a segmentor with a prompt_encoder writes it'
            needs(
                sample, cue_kept=writer, cue_scores=writer,
                text_cues='LoadTextCues gives it; keep it in the meta_keys of '
                'PackAVTInputs')
            truth = true_classes(sample, self.truth)
            with naming(sample):
                self.results.append(self._recognize(sample, truth))

    def _recognize(
        self, sample: dict, truth: Collection[str]
    ) -> Tuple[FrameRecognition, FrameRecognition]:
        cues = list(sample['text_cues'])
        scores = sample['cue_scores'].float().cpu().tolist()
        kept = sample['cue_kept'].cpu().bool().tolist()
        if len(cues) > len(kept) or any(kept[len(cues):]):
            raise ValueError(
                f'{len(cues)} cues {cues} do not fit cue_kept={kept}: it has '
                'to have a place for each of them and drop the padding.')
        foreign = set(truth) - set(self.class_names[1:])
        if foreign:
            raise ValueError(
                f'{sorted(foreign)} sound(s), which is none of the classes of '
                f"the data set's metainfo, {list(self.class_names[1:])}.")
        classes_of = load_class_synonyms(self.synonyms, self.class_names,
                                         self.head_noun).classes_of
        places = [place for place in range(len(cues)) if kept[place]]
        return (recognize_cues(
            cues, truth, classes_of, unknown=self.unknown),
                recognize_cues([cues[place] for place in places],
                               truth,
                               classes_of,
                               scores=[scores[place] for place in places],
                               unknown=self.unknown))

    def compute_metrics(
        self, results: List[Tuple[FrameRecognition, FrameRecognition]]
    ) -> Dict[str, float]:
        """Average over the frames of all processes, in percent; see the class.
        """
        scores = {}
        for number, frames in enumerate(zip(*results), start=1):
            for key, value in average_recognition(frames,
                                                  self.average).items():
                if (number, key) == (1, 'AP'):
                    key = 'AP_by_order'
                scores[f'rec{number}_{key}'] = 100 * value
        return scores
