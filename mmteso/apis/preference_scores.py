# Copyright (c) mmteso contributors. All rights reserved.
"""Scores of several models under several sounds: tables and bar charts."""
import math
import os.path as osp
from typing import Any, Dict, List, Mapping, Optional, Sequence

from mmengine.config import Config

from mmteso.engine import protocols
from mmteso.engine.sound_steps import dataset_configs
from mmteso.io import read_json, read_yaml
from mmteso.visualization import BarPanel

# as the results of the evaluators are named, without their prefix; percent
_SCORES = ('J', 'F', 'mIoU', 'F-score')
_PAPER_SCALE = dict(J=1, F=100)  # to percent
_REFERENCES = dict(
    everything='everything visible (no model)', blank='all blank (no model)')


def read_audio_report(path: str) -> Dict[str, Any]:
    """Read what ``tools/test.py --audio-out`` wrote.

    Args:
        path (str): The JSON file.

    Returns:
        dict: See :func:`mmteso.engine.evaluate_audio_conditions`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no such report.
    """
    report = read_json(path)
    needed = ('conditions', 'metrics', 'reference', 'seed')
    missing = [
        key for key in needed
        if not isinstance(report, dict) or key not in report
    ]
    if missing:
        raise ValueError(f'"{path}" lacks {missing}: expected a file that '
                         'tools/test.py --audio-out wrote')
    return report


def read_paper_numbers(path: str) -> Dict[str, Any]:
    """Read published numbers.

    Args:
        path (str): A YAML file with ``source``, ``data`` and, where it is
            known, ``protocol`` (text), and ``models``: scores (J in percent,
            F of 1) by model, audio condition and name.

    Returns:
        dict: The same with F in percent too.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it doesn't look like this.
    """
    content = read_yaml(path)
    try:
        models = {
            model: {
                condition: {
                    key: float(_PAPER_SCALE[key] * value)
                    for key, value in scores.items()
                }
                for condition, scores in rows.items()
            }
            for model, rows in content['models'].items()
        }
        return dict(
            source=str(content['source']),
            data=str(content['data']),
            protocol=str(content.get('protocol', 'not given')),
            models=models)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f'"{path}": expected source, data and models: {{model: '
            '{condition: {J: percent, F: of 1}}}, but found '
            f'{type(error).__name__}: {error}') from error


def describe_data(cfg: Config) -> str:
    """The test set of a config in a few words."""
    parts = []
    for leaf in dataset_configs(cfg.test_dataloader.dataset):
        subsets, splits = (
            '+'.join([value] if isinstance(value, str) else value or ())
            for value in (leaf.get('subsets'), leaf.get('split')))
        folder = osp.basename(osp.normpath(str(leaf.get('data_root', ''))))
        text = ', '.join(
            filter(None, [folder, subsets, splits,
                          leaf.get('task')]))
        if folder.startswith('synthavs'):
            text += ' (SynthAVS: synthetic, not AVSBench)'
        parts.append(text)
    return '; '.join(parts)


def check_comparable(reports: Mapping[str, Mapping[str, Any]],
                     conditions: Sequence[str]) -> None:
    """Refuse to draw numbers beside each other that mean different things.

    Args:
        reports (Mapping): By model, see :func:`read_audio_report`.
        conditions (Sequence[str]): Which ones will be drawn.

    Raises:
        ValueError: If two models were tested by different protocols of J and
            F, with different noise, or with different off-screen clips.
    """

    def facts(report: Mapping[str, Any]) -> Dict[str, Any]:
        shown = [name for name in conditions if name in report['conditions']]
        found = {}
        protocol = [
            line for line in report['metrics'] if line.startswith('AVSMetric')
        ]
        if protocol:
            found['protocol'] = protocol
        if any(name.startswith('wgn') for name in shown):
            found.update(
                reference=report['reference'], seed=report['seed'])
        if 'off-screen' in shown:
            found.update(
                off_screen_groups=report.get('off_screen_groups'),
                seed=report['seed'])
        return found

    names = list(reports)
    for i, name in enumerate(names):
        for other in names[:i]:
            ours, theirs = facts(reports[name]), facts(reports[other])
            for key in ours.keys() & theirs.keys():
                if ours[key] != theirs[key]:
                    raise ValueError(
                        f'{name!r} and {other!r} can\'t be compared: their '
                        f'{key} is {ours[key]} and {theirs[key]}')


def score_keys(reports: Mapping[str, Mapping[str, Any]]) -> List[str]:
    """Names of the results that are drawn, in the order of importance."""
    found = dict.fromkeys(
        key for report in reports.values()
        for values in report['conditions'].values() for key in values
        if osp.basename(key) in _SCORES)
    # those of a metric with a prefix, a second one as a rule, come last
    return sorted(
        found, key=lambda key: ('/' in key, _SCORES.index(osp.basename(key))))


def drop(scores: Mapping[str, Mapping[str, Any]], condition: str,
         key: str) -> Optional[float]:
    """How many percent of the score under normal sound are lost.

    Args:
        scores (Mapping): Results by audio condition.
        condition (str): Which one.
        key (str): Which result.

    Returns:
        float | None: None for normal sound itself and where it's undefined.
    """
    normal = scores.get('normal', {}).get(key)
    value = scores.get(condition, {}).get(key)
    if condition == 'normal' or not (_known(normal) and _known(value)):
        return None
    return 100 * (normal - value) / normal if normal else None


def _known(value: Optional[float]) -> bool:
    return value is not None and math.isfinite(value)


def _panel(title: str, models: Mapping[str, Mapping[str, Mapping[str, Any]]],
           key: str, conditions: Sequence[str], **kwargs) -> BarPanel:
    values, notes = {}, {}
    for model, scores in models.items():
        values[model], notes[model] = {}, {}
        for name in conditions:
            value = scores.get(name, {}).get(key)
            if not _known(value):
                continue
            values[model][name] = value
            lost = drop(scores, name, key)
            if lost is not None:
                # no "-0"
                notes[model][name] = f'{round(-lost):+d} %'
    return BarPanel(title, f'{key} (percent)', values, notes, **kwargs)


def notes_on(report: Mapping[str, Any]) -> List[str]:
    """What the measured numbers of a report refer to, one line each."""
    lines = protocols(report['models'].values())
    if any(name.startswith('wgn') for name in report['audio']):
        lines.append(
            f'Noise level: reference {report["noise_reference"]!r}, seed '
            f'{report["seed"]} (see ReplaceAudioWithNoise).')
    if 'off-screen' in report['audio']:
        groups = report['off_screen_groups']
        lines.append(
            'off-screen: the sound of a video with other ' +
            (f'groups of classes ({groups!r})' if groups else 'classes') +
            f', seed {report["seed"]} (see ReplaceAudioWithOffScreen).')
    lines.append('Percentage of change: of the score under normal sound.')
    return lines


def score_panels(report: Mapping[str, Any]) -> List[BarPanel]:
    """One chart per score, and one per score of the published numbers.

    Published numbers never share a chart with measured ones.

    Args:
        report (Mapping): See :func:`make_preference_report`.

    Returns:
        list[BarPanel]: For :func:`mmteso.visualization.draw_bar_chart`.
    """
    models = {
        name: entry['conditions']
        for name, entry in report['models'].items()
    }
    panels = []
    for key in score_keys(report['models']):
        lines = {
            title: report['references'][name][key]
            for name, title in _REFERENCES.items()
            if _known((report['references'] or {}).get(name, {}).get(key))
        }
        panels.append(
            _panel(
                f'{key}: {report["data"]}',
                models,
                key,
                report['audio'],
                lines=lines))
    if panels:
        panels[-1].footnote = '\n'.join(notes_on(report))
    paper = report['paper']
    for key in _PAPER_SCALE if paper else ():
        rows = {
            name: scores
            for name, scores in paper['models'].items()
            if any(key in values for values in scores.values())
        }
        conditions = dict.fromkeys(
            name for scores in rows.values() for name in scores)
        panels.append(
            _panel(
                f'{key}: {paper["data"]}, PUBLISHED, not measured here\n'
                f'({paper["source"]})',
                rows,
                key,
                list(conditions),
                hatched=True))
    return panels


def score_table(models: Mapping[str, Mapping[str, Mapping[str, Any]]],
                conditions: Sequence[str],
                keys: Sequence[str],
                references: Optional[Mapping[str, Mapping[str,
                                                          Any]]] = None,
                drops: Sequence[str] = _SCORES) -> str:
    """Models x conditions as a Markdown table.

    Args:
        models (Mapping): Results by model and audio condition.
        conditions (Sequence[str]): Rows of a model.
        keys (Sequence[str]): Columns.
        references (Mapping, optional): Rows without a model. Defaults to
            None.
        drops (Sequence[str]): Which columns are followed by their drop.

    Returns:
        str: The table, in percent.
    """
    header = ['model', 'audio']
    for key in keys:
        header.append(key)
        if osp.basename(key) in drops:
            header.append(f'drop of {key}')
    lines = [header, ['---'] * 2 + ['---:'] * (len(header) - 2)]
    for model, scores in models.items():
        for name in conditions:
            if name not in scores:
                continue
            cells = [model, name]
            for key in keys:
                cells.append(_cell(scores[name].get(key)))
                if osp.basename(key) in drops:
                    cells.append(_cell(drop(scores, name, key), ' %', 1))
            lines.append(cells)
    for name, title in _REFERENCES.items():
        if references:
            cells = [title, 'any']
            for key in keys:
                cells.append(_cell(references[name].get(key)))
                cells += ['-'] * (osp.basename(key) in drops)
            lines.append(cells)
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in lines)


def _cell(value: Optional[float], unit: str = '', digits: int = 2) -> str:
    return f'{value:.{digits}f}{unit}' if _known(value) else '-'
