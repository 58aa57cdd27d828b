# Copyright (c) mmteso contributors. All rights reserved.
"""What the scores under several audio conditions say together."""
import math
import os.path as osp
from typing import Any, Dict, Iterable, List, Mapping, Sequence

from mmteso.evaluation import listening_score
from mmteso.tables import format_number, format_table

#: What the drop is computed for, if the evaluator gives it; in percent, and
#: named so without the evaluator's prefix.
SCORES = ('J', 'F', 'mIoU', 'F-score')
_FALSE_POSITIVES = 'foreground'


def _is_score(key: str) -> bool:
    """'J' and also 'avs/J' and 'J@test_unseen'."""
    return osp.basename(key).split('@')[0] in SCORES


def make_audio_report(results: Mapping[str, Mapping[str, float]],
                      **facts: Any) -> Dict[str, Any]:
    """Put the evaluator's results under several audio conditions together.

    Every condition but 'normal' is a negative: other sound, or none, with the
    ground truth unchanged, so that its scores should be low.

    Gives ``conditions``, the results; ``false_positive_percent``: by negative
    condition, ``foreground``, as AVSBench-Robust defines the false-positive
    rate; and, with a condition 'normal', ``drop_percent``: by negative
    condition and score (J, F, ...), by how many percent of the normal score it
    is lower, None if undefined; ``listening_score``: by J's name, see
    :func:`listening_score`. Then the facts, such as ``metrics`` (protocol and
    thresholds), ``reference`` and ``seed`` of the noise.
    """
    negatives = {x: results[x] for x in results if x != 'normal'}
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
                key: 100 * (normal[key] - value) / normal[key]
                if normal[key] and math.isfinite(normal[key] + value) else None
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
    """What the metrics of reports say of their protocols, each line once.

    Only those of ``metrics``, by default those of masks; of all if there are
    none of those.
    """
    lines = list(dict.fromkeys(sum((x['metrics'] for x in reports), [])))
    starts = tuple(f'{name}:' for name in metrics)
    return [line for line in lines if line.startswith(starts)] or lines


def flat_scores(report: Mapping[str, Any]) -> Dict[str, float]:
    """The numbers of :func:`make_audio_report` as a test loop returns them:
    '{condition}/{score}', 'drop_percent/{condition}/{score}' (NaN if
    undefined) and 'listening_score' ('listening_score/{J}' if J has a prefix).
    """
    flat = {
        f'{start}{name}/{key}': math.nan if value is None else value
        for start, part in (('', 'conditions'),
                            ('drop_percent/', 'drop_percent'))
        for name, values in report.get(part, {}).items()
        for key, value in values.items()
    }
    for key, value in report.get('listening_score', {}).items():
        flat['listening_score' + f'/{key}' * (key != 'J')] = value
    return flat


def format_audio_report(report: Mapping[str, Any]) -> str:
    """A table of :func:`make_audio_report`, and what its numbers refer to."""
    results, drops = report['conditions'], report.get('drop_percent', {})
    keys = list(next(iter(results.values())))
    scores = [key for key in keys if _is_score(key)] or keys
    shares = [key for key in keys if osp.basename(key) == _FALSE_POSITIVES]
    shares = shares if report.get('false_positive_percent') else []
    rows = []
    for name, values in results.items():
        row = {'audio': name}
        for key in scores:
            row[key] = f'{values[key]:.2f}'
            if drops:
                row[f'{key} drop (%)'] = format_number(
                    drops.get(name, {}).get(key), 1)
        for key in shares:
            row[osp.join(osp.dirname(key), 'FPR (%)')] = \
                '-' if name == 'normal' else f'{values[key]:.2f}'
        rows.append(row)
    lines = [
        *report['metrics'], 'Drop: percent of the score under normal sound.'
    ]
    if shares:
        lines.append('FPR: mean share of the pixels above the threshold, '
                     'under sound that is not of the scene.')
    for key, value in report.get('listening_score', {}).items():
        if not math.isnan(value):
            lines.append(
                f'Listening score of {key}: {value:.2f}. Ours: harmonic mean '
                f'of {key} under normal sound and 100 - the mean '
                f'{key}_sounding under the others; not the global score of '
                'AVSBench-Robust.')
    return '\n'.join([format_table(rows), *lines, *describe_sounds(report)])


def describe_sounds(report: Mapping[str, Any]) -> List[str]:
    """What noise and off-screen sound of a report are, in lines."""
    lines, seed = [], f'seed {report["seed"]}'
    if any(name.startswith('wgn') for name in report['conditions']):
        lines.append(f"Noise level: reference '{report['reference']}', {seed} "
                     '(see ReplaceAudioWithNoise).')
    if 'off-screen' in report['conditions']:
        groups = report.get('off_screen_groups')
        other = f"groups of classes ('{groups}')" if groups else 'classes'
        lines.append('Off-screen: the sound of another clip of the set with '
                     f'other {other}, {seed}.')
    return lines
