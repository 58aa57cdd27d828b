# Copyright (c) mmteso contributors. All rights reserved.
"""One model under several audio conditions."""
import copy
import math
import os.path as osp
from typing import Dict, List, Optional, Sequence

from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import RUNNERS
from prettytable import PrettyTable

from .audio_condition import AUDIO_CONDITIONS, audio_condition_dataloader

# what the drop is computed for, if the evaluator gives it
_SCORES = ('J', 'F', 'mIoU', 'F-score')


def _drop(normal: float, value: float) -> Optional[float]:
    """How many percent of the normal score are lost; None if undefined."""
    if not (math.isfinite(normal) and math.isfinite(value)) or normal == 0:
        return None
    return 100 * (normal - value) / normal


def _describe_metrics(evaluator) -> List[str]:
    """Protocol and threshold of each metric that can tell them."""
    return [
        f'{type(metric).__name__}: ' +
        (metric.describe() if hasattr(metric, 'describe') else
         'see its documentation for the protocol')
        for metric in evaluator.metrics
    ]


def evaluate_audio_conditions(cfg: Config,
                              checkpoint: Optional[str] = None,
                              conditions: Sequence[str] = AUDIO_CONDITIONS,
                              reference: str = 'snr',
                              seed: int = 0) -> dict:
    """Test a model with its sound replaced, the picture unchanged.

    Builds the model and loads the checkpoint once; each condition is a run of
    the stock test loop over a fresh test dataloader. Works in several
    processes as a test does.

    Args:
        cfg (Config): A whole config with ``test_dataloader``, ``test_cfg``
            and ``test_evaluator``; not modified.
        checkpoint (str, optional): Takes the place of ``cfg.load_from``.
        conditions (Sequence[str]): 'normal', 'mute' or 'wgn-{level}db'.
            Defaults to normal, mute, wgn-10db and wgn-40db.
        reference (str): What the noise's dB refer to: 'snr', 'pcm16' or
            'full_scale', see :class:`ReplaceAudioWithNoise`. Defaults to
            'snr'.
        seed (int): Of the noise. Defaults to 0.

    Returns:
        dict: ``conditions``: all results of the evaluator by condition;
        ``drop_percent``: by condition and score (J, F, ...), how many percent
        of the normal score are lost, None if undefined; only with a
        condition 'normal'. ``metrics``: protocol and threshold;
        ``reference``, ``seed``, ``checkpoint``. Undefined results are NaN:
        write it with :func:`write_json`.

    Raises:
        ValueError: If a condition is unknown or given twice, or the test
            pipeline reads no waveform.
    """
    conditions = list(conditions)
    if not conditions or len(set(conditions)) < len(conditions):
        raise ValueError('expected different audio conditions, at least one, '
                         f'but got {conditions}')
    # before anything is built, so that a wrong name costs no time
    dataloaders = {
        name: audio_condition_dataloader(cfg.test_dataloader, name, reference,
                                         seed)
        for name in conditions
    }
    cfg = copy.deepcopy(cfg)
    if checkpoint is not None:
        cfg.load_from = checkpoint
    runner = (
        RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg))
    results: Dict[str, Dict[str, float]] = {}
    runner.call_hook('before_run')
    runner.load_or_resume()
    for name, dataloader in dataloaders.items():
        runner.logger.info(f'Audio condition: {name}')
        # its workers would wait for a second round that never comes
        dataloader['persistent_workers'] = False
        loop = runner.build_test_loop({
            'type': 'TestLoop',
            **cfg.test_cfg, 'dataloader': dataloader,
            'evaluator': copy.deepcopy(cfg.test_evaluator)
        })
        # where hooks look for the loop that runs
        runner._test_loop = loop
        results[name] = loop.run()
        metrics = _describe_metrics(loop.evaluator)
    runner.call_hook('after_run')

    report = dict(
        conditions=results,
        metrics=metrics,
        reference=reference,
        seed=seed,
        checkpoint=cfg.load_from)
    if 'normal' in results:
        normal = results['normal']
        report['drop_percent'] = {
            name: {
                key: _drop(normal[key], values[key])
                for key in values if osp.basename(key) in _SCORES
            }
            for name, values in results.items() if name != 'normal'
        }
    return report


def format_audio_report(report: dict) -> str:
    """One table, with what its numbers refer to.

    Args:
        report (dict): From :func:`evaluate_audio_conditions`.

    Returns:
        str: Several lines.
    """
    results = report['conditions']
    drops = report.get('drop_percent', {})
    keys = list(next(iter(results.values())))
    scores = [key for key in keys if osp.basename(key) in _SCORES] or keys
    table = PrettyTable(['audio'] + [
        column for key in scores
        for column in ([key, f'{key} drop (%)'] if drops else [key])
    ])
    table.align = 'r'
    table.align['audio'] = 'l'
    for name, values in results.items():
        row = [name]
        for key in scores:
            row.append(f'{values[key]:.2f}')
            if drops:
                drop = drops.get(name, {}).get(key)
                row.append('-' if drop is None else f'{drop:.1f}')
        table.add_row(row)
    lines = [str(table)] + report['metrics']
    lines.append('Drop: percent of the score under normal sound.')
    if any(name.startswith('wgn') for name in results):
        lines.append(f"Noise level: reference '{report['reference']}', seed "
                     f"{report['seed']} (see ReplaceAudioWithNoise).")
    return '\n'.join(lines)
