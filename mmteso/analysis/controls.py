# Copyright (c) mmteso contributors. All rights reserved.
"""Masks that need no model, scored: what a method has to beat."""
import copy
import zlib
from typing import Any, Dict, Mapping, Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from torch import Tensor

from mmteso.choices import CONTROLS
from mmteso.engine import make_audio_report
from mmteso.engine.sound_steps import dataset_configs
from .demo import REFERENCES
from .frames import find_metric, frame_name, is_object, masks_only

#: The names of the rows.
TITLES = dict(REFERENCES, random='a visible object by chance (no model)')


def control_reports(cfg: Config, controls: Sequence[str],
                    conditions: Sequence[str],
                    sound: Mapping[str, Any]) -> Dict[str, Any]:
    """Audio reports of what needs no model, and hears nothing, by the name of
    the row; ``sound`` as of :func:`mmteso.engine.evaluate_audio_conditions`.
    """
    reports = {}
    for name, (scores, protocol) in control_scores(cfg, controls,
                                                   sound['seed']).items():
        report = make_audio_report(
            dict.fromkeys(conditions, scores), metrics=[protocol], **sound)
        reports[TITLES[name]] = dict(report, source='no model')
    return reports


def control_scores(cfg: Config,
                   controls: Sequence[str] = CONTROLS,
                   seed: int = 0) -> Dict[str, tuple]:
    """Score masks that need no model by the config's ``AVSMetric``.

    Gives by control, see :func:`mmteso.analysis.comparison.compare_models`,
    the scores and the protocol, a line; ``seed`` is that of 'random'. A
    ValueError if the config has no ``AVSMetric``.
    """
    if not controls:
        return {}
    metric = find_metric(cfg)
    if not metric:
        raise ValueError('the controls are scored by AVSMetric, but '
                         'test_evaluator has none')
    cfg = copy.deepcopy(cfg)
    leaves = list(dataset_configs(cfg.test_dataloader.dataset))
    seen = all(
        any(step.get('load_visible') for step in leaf['pipeline'])
        for leaf in leaves)
    for leaf in leaves:
        if seen:  # AVSMetric merges the classes, and 'random' needs them
            leaf['task'] = 'semantic'
    dataset = masks_only(cfg)
    evaluators = {
        name: Evaluator([dict(metric)])
        for name in controls if seen or name == 'blank'
    }
    for evaluator in evaluators.values():
        evaluator.dataset_meta = dataset.metainfo
    for index in range(len(dataset)):
        sample = dataset[index]['data_samples']
        for name, evaluator in evaluators.items():
            sample.sounding_score = PixelData(
                data=_control_mask(name, sample, seed))
            evaluator.process([sample])
    return {
        name: (evaluator.evaluate(len(dataset)),
               f'AVSMetric: {evaluator.metrics[0].describe()}')
        for name, evaluator in evaluators.items()
    }


def _control_mask(name: str, sample: Any, seed: int) -> Tensor:
    """Scores of 0 and 1, (1, H, W)."""
    if name == 'blank':
        return torch.zeros(sample.gt_sem_seg.shape)[None]
    visible = sample.gt_visible.data
    objects = is_object(visible)
    if name == 'random':
        labels = visible[objects].unique()
        # a frame's choice doesn't depend on the others
        rng = np.random.default_rng(
            [seed, zlib.crc32(frame_name(sample).encode())])
        if len(labels):
            objects = visible == labels[rng.integers(len(labels))]
    return objects.float()
