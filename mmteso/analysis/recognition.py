# Copyright (c) mmteso contributors. All rights reserved.
"""REC#1 of a cue file: what a captioner and a reasoner get right."""
import collections
import os.path as osp
from typing import Any, Dict, Iterable, List, Optional, Tuple

import pandas as pd
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from tqdm import tqdm

from mmteso.datasets import load_class_synonyms
from mmteso.datasets.transforms.text_cues import open_cue_file
from mmteso.engine.sound_steps import dataloader_of, dataset_configs, type_name
from mmteso.evaluation.functional import (average_recognition, recognize_cues,
                                          true_classes)
from mmteso.io import normalize_phrase
from mmteso.tables import format_number, format_table

_SCORES = ('precision', 'recall', 'F1', 'AP')

#: What sounds in each frame, by (uid, frame), and the class set.
Truth = Dict[Tuple[str, int], Tuple[frozenset, tuple]]


def configured_cues(cfg: Config, split: str = 'test') -> Tuple[str, int]:
    """Cue file and number of cues, N_T, of a config's pipeline."""
    for dataset in dataset_configs(dataloader_of(cfg, split)['dataset']):
        for step in dataset['pipeline']:
            if type_name(step) == 'LoadTextCues':
                path = osp.join(dataset['data_root'], dataset['cue_file'])
                return path, step.get('num_cues', 4)
    raise ValueError(
        f'the pipeline of {split}_dataloader has no LoadTextCues, so the '
        'config does not say which cues are meant: name the cue file and the '
        'number of cues.')


def read_truth(cfg: Config, split: str = 'test',
               truth: str = 'mask') -> Truth:
    """What sounds in each frame of a config's data set; for ``truth`` see
    :func:`mmteso.evaluation.functional.true_classes`."""
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    found = {}
    for config in dataset_configs(dataloader_of(cfg, split)['dataset']):
        steps = [
            {k: v for k, v in step.items() if k != 'load_visible'}
            for step in config['pipeline']
            if truth == 'mask' and type_name(step) == 'LoadAVSAnnotations'
        ]
        dataset = DATASETS.build(dict(config, pipeline=steps))
        # disable=None: no bar where the output is no terminal
        for index in tqdm(range(len(dataset)), unit='frame', disable=None):
            frame = dataset[index]
            sounding = true_classes(frame, truth)
            if frame.get('class_names') is None:
                raise ValueError(
                    f'the data set of "{frame["uid"]}" has no class names, '
                    'so there is nothing to recognize.')
            found[frame['uid'], frame['frame']] = (
                sounding, tuple(frame['class_names']))
    return found


def evaluate_cue_file(truth: Truth,
                      cue_file: str,
                      num_cues: Optional[int] = 4,
                      synonyms: str = 'auto',
                      head_noun: bool = True,
                      unknown: str = 'wrong',
                      average: str = 'frame') -> Dict[str, Any]:
    """REC#1 of a cue file, as :class:`CueRecognitionMetric` has it.

    ``num_cues`` of a frame count, N_T, None takes all; ``synonyms`` is
    'avsbench', a file, 'none' (class names only), or 'auto': 'avsbench' for
    AVSBench's classes, else 'none'. For the others see the metric.

    Gives counts, the scores in percent (AP by the order of the cues),
    ``unknown_share``, percent of the cues that mean no class, and
    ``unknown_phrases``, how often each of them occurs, the most frequent
    first.
    """
    file = open_cue_file(cue_file)
    frames: List = []
    phrases: collections.Counter = collections.Counter()
    total = failed = empty = 0
    for key, (sounding, class_names) in truth.items():
        record = file[key]
        cues = record.cues[:num_cues]
        lookup = load_class_synonyms(None if synonyms == 'none' else synonyms,
                                     class_names, head_noun)
        frames.append(
            recognize_cues(
                cues, sounding, lookup.classes_of, unknown=unknown))
        phrases.update(
            normalize_phrase(cue) for cue in cues
            if not lookup.classes_of(cue))
        total += len(cues)
        failed += record.status == 'failed'
        empty += not cues
    scores = average_recognition(frames, average)
    return dict(
        cue_file=cue_file,
        frames=len(frames),
        failed=failed,
        without_cues=empty,
        cues=total / len(frames),
        **{key: 100 * scores[key]
           for key in _SCORES},
        unknown_share=100 * sum(phrases.values()) /
        total if total else float('nan'),
        unknown_phrases=dict(phrases.most_common()))


def format_cue_recognition(results: Iterable[Dict[str, Any]]) -> str:
    """A table with a row per result of :func:`evaluate_cue_file`."""
    return format_table(
        pd.DataFrame([{
            'cue file': result['cue_file'],
            'frames': result['frames'],
            'failed': result['failed'],
            'no cue': result['without_cues'],
            'cues/frame': format_number(result['cues']),
            'no class (%)': format_number(result['unknown_share']),
            **{key: format_number(result[key])
               for key in _SCORES}
        } for result in results]))
