# Copyright (c) mmteso contributors. All rights reserved.
"""REC#1 of a cue file: what a captioner and a reasoner get right."""
import collections
import os.path as osp
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from prettytable import PrettyTable

from mmteso.datasets import load_class_synonyms
from mmteso.datasets.transforms.text_cues import open_cue_file
from mmteso.engine.sound_steps import dataloader_of, dataset_configs, type_name
from mmteso.evaluation.functional import (average_recognition, recognize_cues,
                                          true_classes)
from mmteso.io import normalize_phrase

#: What ``synonyms`` may be beside a file.
SYNONYMS = ('auto', 'avsbench', 'none')
_SCORES = ('precision', 'recall', 'F1', 'AP')


def configured_cues(cfg: Config, split: str = 'test') -> Tuple[str, int]:
    """Cue file and number of cues of a config's pipeline.

    Args:
        cfg (Config): The config.
        split (str): Its dataloader. Defaults to 'test'.

    Returns:
        tuple[str, int]: The path, and N_T.

    Raises:
        ValueError: If the pipeline loads no cues.
    """
    dataloader = dataloader_of(cfg, split)
    for dataset in dataset_configs(dataloader['dataset']):
        for step in dataset['pipeline']:
            if type_name(step) == 'LoadTextCues':
                path = osp.join(dataset['data_root'], dataset['cue_file'])
                return path, step.get('num_cues', 4)
    raise ValueError(
        f'the pipeline of {split}_dataloader has no LoadTextCues, so the '
        'config does not say which cues are meant: name the cue file and the '
        'number of cues.')


def read_truth(
    cfg: Config,
    split: str = 'test',
    truth: str = 'mask',
    progress: Optional[Callable[[Iterable], Iterable]] = None
) -> Dict[Tuple[str, int], Tuple[frozenset, tuple]]:
    """What sounds in each frame of a config's data set.

    Args:
        cfg (Config): The config.
        split (str): Its dataloader. Defaults to 'test'.
        truth (str): See :func:`mmteso.evaluation.functional.true_classes`.
            Defaults to 'mask': all masks are read.
        progress (Callable, optional): Wraps the sequence of frames. Defaults
            to None.

    Returns:
        dict: By (uid, frame): the classes that sound, and the class set,
        background first.

    Raises:
        KeyError, ValueError: If the truth isn't known, or the data set has
            no classes.
    """
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    found = {}
    for config in dataset_configs(dataloader_of(cfg, split)['dataset']):
        steps = [
            {k: v for k, v in step.items() if k != 'load_visible'}
            for step in config['pipeline']
            if truth == 'mask' and type_name(step) == 'LoadAVSAnnotations'
        ]
        dataset = DATASETS.build(dict(config, pipeline=steps))
        frames = range(len(dataset))
        for index in progress(frames) if progress else frames:
            frame = dataset[index]
            classes = frame.get('class_names')
            sounding = true_classes(frame, truth)
            if classes is None:
                raise ValueError(
                    f'the data set of "{frame["uid"]}" has no class names, '
                    'so there is nothing to recognize.')
            found[frame['uid'], frame['frame']] = sounding, tuple(classes)
    return found


def evaluate_cue_file(truth: Dict[Tuple[str, int], Tuple[frozenset, tuple]],
                      cue_file: str,
                      num_cues: Optional[int] = 4,
                      synonyms: str = 'auto',
                      head_noun: bool = True,
                      unknown: str = 'wrong',
                      average: str = 'frame') -> Dict[str, Any]:
    """REC#1 of a cue file, as :class:`CueRecognitionMetric` has it.

    Args:
        truth (dict): From :func:`read_truth`.
        cue_file (str): The cue file.
        num_cues (int, optional): Cues of a frame that count, N_T; None takes
            all. Defaults to 4.
        synonyms (str): 'avsbench', a file, 'none' (class names only), or
            'auto': 'avsbench' for AVSBench's classes, else 'none'. Defaults
            to 'auto'.
        head_noun (bool): See the metric. Defaults to True.
        unknown (str): See the metric. Defaults to 'wrong'.
        average (str): See the metric. Defaults to 'frame'.

    Returns:
        dict: ``cue_file``; ``frames``, ``failed`` and ``without_cues``, their
        numbers; ``cues``, the mean number per frame; ``precision``,
        ``recall``, ``F1`` and ``AP`` (by the order of the cues) in percent;
        ``unknown_share``, percent of the cues that mean no class;
        ``unknown_phrases``, how often each of them occurs, the most frequent
        first.

    Raises:
        FileNotFoundError, CueFileError: If the file can't be read, or has
            frames with a caption only.
        KeyError: If it lacks a frame.
        SynonymError: If the synonyms don't fit the classes.
    """
    file = open_cue_file(cue_file)
    frames: List = []
    unknown_phrases: collections.Counter = collections.Counter()
    total = failed = empty = 0
    for key, (sounding, class_names) in truth.items():
        record = file[key]
        cues = record.cues[:num_cues]
        lookup = load_class_synonyms(None if synonyms == 'none' else synonyms,
                                     class_names, head_noun)
        frames.append(
            recognize_cues(
                cues, sounding, lookup.classes_of, unknown=unknown))
        unknown_phrases.update(
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
        unknown_share=100 * sum(unknown_phrases.values()) /
        total if total else float('nan'),
        unknown_phrases=dict(unknown_phrases.most_common()))


def format_cue_recognition(results: List[Dict[str, Any]]) -> str:
    """A row per cue file.

    Args:
        results (list[dict]): From :func:`evaluate_cue_file`.

    Returns:
        str: A table; percent, but for the counts.
    """
    table = PrettyTable([
        'cue file', 'frames', 'failed', 'no cue', 'cues/frame', 'no class (%)',
        *_SCORES
    ])
    table.align = 'r'
    table.align['cue file'] = 'l'
    for result in results:
        table.add_row([
            result['cue_file'], result['frames'], result['failed'],
            result['without_cues'], *(f'{result[key]:.2f}' for key in (
                'cues', 'unknown_share', *_SCORES))
        ])
    return table.get_string()
