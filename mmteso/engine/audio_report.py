# Copyright (c) mmteso contributors. All rights reserved.
"""What the scores under several audio conditions say together."""
import math
import os.path as osp
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence

from prettytable import PrettyTable

from mmteso.evaluation import listening_score

# what the drop is computed for, if the evaluator gives it
_SCORES = ('J', 'F', 'mIoU', 'F-score')
_FALSE_POSITIVES = 'foreground'


def _is_score(key: str) -> bool:
    """'J' and also 'avs/J' and 'J@test_unseen'."""
    return osp.basename(key).split('@')[0] in _SCORES


def _drop(normal: float, value: float) -> Optional[float]:
    """How many percent of the normal score are lost; None if undefined."""
    if not (math.isfinite(normal) and math.isfinite(value)) or normal == 0:
        return None
    return 100 * (normal - value) / normal


def make_audio_report(results: Mapping[str, Mapping[str, float]],
                      **facts: Any) -> Dict[str, Any]:
    """Put the scores under several audio conditions together.

    Every condition but 'normal' is a negative: other sound, or none, with the
    ground truth unchanged, so that its scores should be low.

    Args:
        results (Mapping): Results of the evaluator by condition.
        **facts: Everything else: ``metrics`` (protocol and thresholds),
            ``reference`` and ``seed`` of the noise, ...

    Returns:
        dict: ``conditions``, the results;
        ``false_positive_percent``: by negative condition and metric
        (``foreground``), the mean share of the pixels whose score exceeds the
        metric's threshold, as AVSBench-Robust defines the false-positive
        rate; and, with a condition 'normal', ``drop_percent``: by negative
        condition and score (J, F, ...), how many percent of the normal score
        are lost, None if undefined; ``listening_score``: by J's name, one
        number of ours for J and all negatives (see :func:`listening_score`).
        Then the facts.
    """
    negatives = {
        name: values
        for name, values in results.items() if name != 'normal'
    }
    report: Dict[str, Any] = dict(
        conditions=dict(results),
        false_positive_percent={
            name: {
                key: value
                for key, value in values.items()
                if osp.basename(key) == _FALSE_POSITIVES
            }
            for name, values in negatives.items()
        })
    if 'normal' in results:
        normal = results['normal']
        report['drop_percent'] = {
            name: {
                key: _drop(normal[key], value)
                for key, value in values.items() if _is_score(key)
            }
            for name, values in negatives.items()
        }
        report['listening_score'] = {
            key: listening_score(
                normal[key],
                [values[f'{key}_sounding'] for values in negatives.values()])
            for key in normal
            if osp.basename(key) == 'J' and f'{key}_sounding' in normal
        }
    return dict(report, **facts)


def protocols(reports: Iterable[Mapping[str, Any]],
              metrics: Sequence[str] = ('AVSMetric', 'AVSSMetric')
              ) -> List[str]:
    """By which protocols the scores of reports were made.

    Args:
        reports (Iterable[Mapping]): With ``metrics``, as
            :class:`AudioControlLoop` gives them.
        metrics (Sequence[str]): Whose protocols. Defaults to those of masks.

    Returns:
        list[str]: Lines, each once: what the metrics say of themselves; of
        all metrics if there are none of those.
    """
    lines = list(
        dict.fromkeys(line for report in reports
                      for line in report['metrics']))
    starts = tuple(f'{name}:' for name in metrics)
    return [line for line in lines if line.startswith(starts)] or lines


def flat_scores(report: Mapping[str, Any]) -> Dict[str, float]:
    """A report's numbers as a test loop returns them.

    Args:
        report (Mapping): From :func:`make_audio_report`.

    Returns:
        dict[str, float]: '{condition}/{score}',
        'drop_percent/{condition}/{score}' (NaN if undefined) and
        'listening_score' ('listening_score/{J}' if J has a prefix).
    """
    flat = {
        f'{name}/{key}': value
        for name, values in report['conditions'].items()
        for key, value in values.items()
    }
    for name, values in report.get('drop_percent', {}).items():
        flat.update({
            f'drop_percent/{name}/{key}': math.nan if drop is None else drop
            for key, drop in values.items()
        })
    for key, value in report.get('listening_score', {}).items():
        suffix = '' if key == 'J' else f'/{key}'
        flat[f'listening_score{suffix}'] = value
    return flat


def format_audio_report(report: Mapping[str, Any]) -> str:
    """One table, with what its numbers refer to.

    Args:
        report (Mapping): From :func:`make_audio_report`.

    Returns:
        str: Several lines.
    """
    results, drops = report['conditions'], report.get('drop_percent', {})
    keys = list(next(iter(results.values())))
    scores = [key for key in keys if _is_score(key)] or keys
    shares = [key for key in keys if osp.basename(key) == _FALSE_POSITIVES]
    shares = shares if report.get('false_positive_percent') else []
    titles = ['audio']
    for key in scores:
        titles += [key, f'{key} drop (%)'] if drops else [key]
    titles += [osp.join(osp.dirname(key), 'FPR (%)') for key in shares]
    table = PrettyTable(titles, align='r')
    table.align['audio'] = 'l'
    for name, values in results.items():
        row = [name]
        for key in scores:
            row.append(f'{values[key]:.2f}')
            if drops:
                drop = drops.get(name, {}).get(key)
                row.append('-' if drop is None else f'{drop:.1f}')
        row += [
            '-' if name == 'normal' else f'{values[key]:.2f}' for key in shares
        ]
        table.add_row(row)
    return '\n'.join([str(table), *_notes(report, bool(shares))])


def _notes(report: Mapping[str, Any], shares: bool) -> List[str]:
    """What the table's numbers refer to."""
    names = list(report['conditions'])
    lines = [
        *report['metrics'],
        'Drop: percent of the score under normal sound.',
        *[
            'FPR: mean share of the pixels above the threshold, under sound '
            'that is not of the scene.'
        ] * shares
    ]
    for key, value in report.get('listening_score', {}).items():
        if not math.isnan(value):
            lines.append(
                f'Listening score of {key}: {value:.2f}. Ours: harmonic mean '
                f'of {key} under normal sound and 100 - the mean '
                f'{key}_sounding under the others; not the global score of '
                'AVSBench-Robust.')
    if any(name.startswith('wgn') for name in names):
        lines.append(f"Noise level: reference '{report['reference']}', seed "
                     f"{report['seed']} (see ReplaceAudioWithNoise).")
    if 'off-screen' in names:
        groups = report.get('off_screen_groups')
        other = f"groups of classes ('{groups}')" if groups else 'classes'
        lines.append('Off-screen: the sound of another clip of the set with '
                     f'other {other}, seed {report["seed"]}.')
    return lines
