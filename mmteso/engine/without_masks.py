# Copyright (c) mmteso contributors. All rights reserved.
"""Testing where there is no ground truth."""
import inspect
from typing import Any

from mmengine.config import Config
from mmengine.evaluator import DumpResults
from mmseg.registry import METRICS

from mmteso.logs import warn
from .sound_steps import class_of, dataset_configs, type_name


def predict_without_masks(cfg: Config) -> bool:
    """Make a test predict only, if its data set says ``with_masks=False``;
    whether it does.

    What reads masks leaves the test pipelines (and ``cue_target``, which asks
    them what sounds), and what scores leaves the evaluators: metrics with
    ``format_only`` stay to write predictions, and so do mmengine's
    ``DumpResults`` and ours. That nothing is scored is logged. Of several data
    sets that are tested together none is scored if one has no masks. The
    config is modified in place.
    """
    datasets = list(dataset_configs(cfg.test_dataloader.dataset))
    if all(dataset.get('with_masks', True) for dataset in datasets):
        return False
    for dataset in datasets:
        dataset['pipeline'] = _without_truth(dataset['pipeline'])
    evaluators = cfg.test_evaluator
    if not isinstance(evaluators, (list, tuple)):
        evaluators = [evaluators]
    kept, left_out = [], []
    for metric in evaluators:
        kind = class_of(metric, METRICS)
        # mmseg's IoUMetric asks for masks all the same
        if kind.__module__.startswith('mmteso.') and \
                'format_only' in inspect.signature(kind).parameters:
            kept.append(dict(metric, format_only=True))
        elif issubclass(kind, DumpResults):
            kept.append(metric)
        else:
            left_out.append(type_name(metric))
    cfg.test_evaluator = kept
    warn('test_dataloader has with_masks=False: frames are predicted and none '
         f'is scored. Left out: {", ".join(left_out) or "no metric"}.')
    return True


def _without_truth(steps: Any) -> Any:
    """A pipeline without what needs masks, inside of other steps too."""
    if isinstance(steps, dict):
        return {
            key: _without_truth(value)
            for key, value in steps.items() if key != 'cue_target'
        }
    if not isinstance(steps, (list, tuple)):
        return steps
    kept = [
        _without_truth(step) for step in steps
        if not (isinstance(step, dict) and 'type' in step and type_name(step)
                in ('LoadAVSAnnotations', 'LoadAnnotations'))
    ]
    # a branch of TestTimeAug that only loaded masks would leave no view
    return [step for step in kept if step != []]
