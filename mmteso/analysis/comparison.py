# Copyright (c) mmteso contributors. All rights reserved.
"""Methods side by side: scores under several sounds, size and speed.

The columns of the paper's comparison (table 1) and audio control (table 4),
measured on one test set in one process.
"""
import os.path as osp
import statistics
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import pandas as pd
import torch
from mmengine.dataset import pseudo_collate
from torch import nn

from mmteso.apis import init_model
from mmteso.choices import AUDIO_CONDITIONS, CONTROLS
from mmteso.engine import make_audio_report
from mmteso.engine.audio_report import SCORES
from mmteso.io import plain, write_file, write_json
from mmteso.logs import warn
from mmteso.tables import format_number, format_table
from mmteso.visualization import draw_bar_chart
from .complexity import analyze_flops
from .controls import TITLES, control_reports
from .demo import describe_machine
from .frames import build_test_set, find_metric, frame_name, masks_only
from .preference import (SOUND, ComparedModel, audio_report_of,
                         check_comparable, describe_data, protocol_notes,
                         score_frame, score_panels)

_ROUNDS = 3  # of measuring the speed, after one that warms up
_SIZE = {
    'parameters (M)': ('parameters', 1e6),
    'FLOPs (G)': ('flops', 1e9),
    'frames/s': ('frames_per_second', 1)
}


def compare_models(models: Sequence[ComparedModel],
                   out: str,
                   conditions: Sequence[str] = AUDIO_CONDITIONS,
                   controls: Sequence[str] = CONTROLS,
                   speed_frames: int = 8,
                   note: str = '',
                   **sound: Any) -> Dict[str, Any]:
    """Test models and controls on one test set; write tables and a chart.

    Writes ``comparison.json``, whose content it returns, ``comparison.md``,
    ``comparison.csv`` and ``scores.png`` into the folder ``out``.

    All models have a config and test the same frames by the same protocol;
    the scores are those of the metrics that all have, ``AVSMetric`` (J, F) or
    ``AVSSMetric`` (avss/F, avss/mIoU).
    Those of one name and config are runs with other seeds: a row has the mean
    of their numbers, with the standard deviation, and the first one's size
    and speed. ``controls`` are of :data:`mmteso.choices.CONTROLS`, scored by
    ``AVSMetric`` alone; all but
    'blank' are left out where no ``LoadAVSAnnotations(load_visible=True)`` of
    the first model tells what is visible. The speed is measured over
    ``speed_frames`` frames, 0 leaves it out; ``sound`` is ``reference``,
    ``seed`` and ``off_screen_groups`` of
    :func:`mmteso.engine.evaluate_audio_conditions`.

    A ValueError if 'normal' is not among the conditions, two configs have one
    name, or the models can't be compared; what
    :func:`mmteso.apis.init_model` raises if a checkpoint doesn't fit, before
    any test. Each run's numbers are in ``runs/{number}/report.json`` as soon
    as it is tested.
    """
    sound = {**SOUND, **sound}
    if 'normal' not in conditions:
        raise ValueError('the comparison needs the audio condition normal')
    firsts: Dict[str, ComparedModel] = {}
    for model in models:
        first = firsts.setdefault(model.name, model)
        if model.config != first.config:
            raise ValueError(f'two configs have one name, {model.name!r}: '
                             f'{model.config} and {first.config}')
    metrics = _common_metrics(list(firsts.values()))
    _check_frames(list(firsts.values()))
    sizes = {}
    for model in models:  # a checkpoint that doesn't fit costs no test
        network = init_model(model.cfg, model.checkpoint)
        if model is firsts[model.name]:
            sizes[model.name] = dict(
                parameters=sum(p.numel() for p in network.parameters()),
                flops=_flops(network))
    runs: Dict[str, List[Dict[str, Any]]] = {name: [] for name in firsts}
    for i, model in enumerate(models):
        folder = osp.join(out, f'runs/{i}')
        run = audio_report_of(model, folder, conditions, sound)
        write_json(run, osp.join(folder, 'report.json'))
        runs[model.name].append(run)
        check_comparable(
            {name: found[-1]
             for name, found in runs.items() if found}, conditions)
    entries: Dict[str, Any] = {
        name: _mean_report(found, sound)
        for name, found in runs.items()
    }
    scores = _common_scores(entries)
    for name, size in sizes.items():
        entries[name].update(size)
    if 'AVSMetric' not in metrics:
        if controls:
            warn('There are no rows without a model: they are scored by '
                 'AVSMetric, which not all models have in test_evaluator.')
        controls = ()
    entries.update(
        control_reports(models[0].cfg, controls, conditions, sound))
    check_comparable(entries, conditions)
    if speed_frames:
        networks = {
            name: init_model(model.cfg, model.checkpoint)
            for name, model in firsts.items()
        }
        for name, rate in frames_per_second(networks, speed_frames).items():
            entries[name]['frames_per_second'] = rate
    report = plain(
        dict(
            data=f'{describe_data(models[0].cfg)}, '
            f'{len(masks_only(models[0].cfg))} frames',
            note=note,
            audio=list(conditions),
            noise_reference=sound['reference'],
            seed=sound['seed'],
            off_screen_groups=sound['off_screen_groups'],
            scores=scores,
            models=entries,
            references=None,
            paper=None,
            speed_frames=speed_frames,
            threads=torch.get_num_threads(),
            **describe_machine()))
    write_json(report, osp.join(out, 'comparison.json'))
    mean, spread = comparison_frames(report)
    table = mean.join(spread.dropna(axis=1, how='all').add_suffix(' (sd)'))
    write_file(
        osp.join(out, 'comparison.csv'), table.to_csv(index_label='model'))
    write_file(osp.join(out, 'comparison.md'), format_comparison(report))
    draw_bar_chart(
        score_panels(report), osp.join(out, 'scores.png'),
        f'Other sound, same picture\n{report["data"]}')
    return report


def _mean_report(runs: Sequence[Dict[str, Any]],
                 sound: Mapping[str, Any]) -> Dict[str, Any]:
    """The report of a row: of its one run, or of their mean."""
    if len(runs) == 1:
        return dict(runs[0])
    first = runs[0]
    means, drops = ({
        condition: {
            key: pd.Series([run[part][condition][key] for run in runs],
                           dtype=float).mean()
            for key in scores
        }
        for condition, scores in first[part].items()
    } for part in ('conditions', 'drop_percent'))
    report = make_audio_report(means, metrics=first['metrics'], **sound)
    return dict(
        report,
        drop_percent=drops,  # their mean, not the drop of the means
        source='; '.join(run['source'] for run in runs),
        runs=list(runs))


def _common_metrics(models: Sequence[ComparedModel]) -> List[str]:
    """The metrics of masks that all models are tested by."""
    common = [
        name for name in ('AVSMetric', 'AVSSMetric')
        if all(find_metric(model.cfg, name) for model in models)
    ]
    if not common:
        raise ValueError(
            'the models have no metric in common: test_evaluator of each '
            'needs AVSMetric, or of each AVSSMetric')
    return common


def _common_scores(entries: Mapping[str, Mapping[str, Any]]) -> List[str]:
    """The names of the scores that all reports have, J first."""
    frame = score_frame(entries, ['normal'])
    return [key for key in frame
            if osp.basename(key) in SCORES and frame[key].notna().all()]


def _check_frames(models: Sequence[ComparedModel]) -> None:
    """See that all models are tested on the same frames."""
    first: Optional[List[str]] = None
    for model in models:
        dataset = build_test_set(model.cfg)
        names = sorted(
            frame_name(dataset.get_data_info(i)) for i in range(len(dataset)))
        first = first or names
        if names != first:
            raise ValueError(
                f'{model.name!r} is tested on other frames than '
                f'{models[0].name!r} ({len(names)} and {len(first)}): give '
                'all models one data set (--data-root, --cfg-options)')


def _flops(model: nn.Module) -> Optional[float]:
    """For one frame of the test set; None if the model has no decode head
    that could be counted."""
    if not hasattr(model, 'decode_head'):
        return None
    image = build_test_set(model.cfg)[0]['inputs']['img']
    analyzer, _, _ = analyze_flops(model.cfg, image.shape[-2:])
    return analyzer.total()


@torch.no_grad()
def frames_per_second(models: Mapping[str, nn.Module],
                      frames: int = 8) -> Dict[str, float]:
    """How many frames a second models of :func:`mmteso.apis.init_model` test,
    one at a time, at most ``frames`` of the test set.

    Reading and scoring are not counted. The models take turns, so that what
    else the machine does hits all alike; the median of three rounds.
    """
    batches = {}
    for name, model in models.items():
        dataset = build_test_set(model.cfg)
        batches[name] = [
            pseudo_collate([dataset[i]])
            for i in range(min(frames, len(dataset)))
        ]
    seconds: Dict[str, List[float]] = {name: [] for name in models}
    for number in range(_ROUNDS + 1):
        for name, model in models.items():
            start = time.perf_counter()
            for batch in batches[name]:
                model.test_step(batch)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return {
        name: len(batches[name]) / statistics.median(found)
        for name, found in seconds.items()
    }


def comparison_frames(
        report: Mapping[str, Any]) -> Tuple[pd.DataFrame, pd.DataFrame]:
    """All numbers of a report, a row for each model; NaN is unknown.

    Scores, drops and FPR in percent. The columns are J, F, size and speed;
    then for each other condition its J, F, their drops and FPR. The means
    over the runs of a row, and their standard deviations, NaN for a single
    run.
    """
    means, spreads = {}, {}
    for name, entry in report['models'].items():
        runs = pd.DataFrame([
            _numbers(run, report['audio'], report['scores'])
            for run in entry.get('runs', [entry])
        ], dtype=float)
        means[name], spreads[name] = runs.mean(), runs.std()
        for title, (key, unit) in _SIZE.items():
            value = entry.get(key)
            means[name][title] = np.nan if value is None else value / unit
    # scores, then size and speed, then the other conditions
    mean, spread = (
        pd.DataFrame.from_dict(rows, orient='index')
        for rows in (means, spreads))
    columns = [*report['scores'], *_SIZE]
    columns += [title for title in mean if title not in columns]
    return mean[columns], spread


def _numbers(run: Mapping[str, Any], audio: Sequence[str],
             scores: Sequence[str]) -> Dict[str, Optional[float]]:
    """The scores of one run by column; None is unknown."""
    found, drops = run['conditions'], run['drop_percent']
    row = {key: found['normal'].get(key) for key in scores}
    for sound in audio:
        if sound == 'normal':
            continue
        for key in scores:
            row[f'{key}: {sound}'] = found[sound].get(key)
            row[f'drop of {key} (%): {sound}'] = drops[sound].get(key)
        row[f'FPR (%): {sound}'] = found[sound].get('foreground')
    return row


def format_comparison(report: Mapping[str, Any]) -> str:
    """A report as Markdown: the columns of tables 1 and 4."""
    mean, spread = comparison_frames(report)
    frame = mean.map(format_number)
    for title in spread:
        deviation = spread[title].dropna().map(lambda x: f' ± {x:.2f}')
        frame.loc[deviation.index, title] += deviation
    other = [name for name in report['audio'] if name != 'normal']
    tables = [[*report['scores'], *_SIZE]]
    if other:
        tables += [[key] + [
            column for name in other
            for column in (f'{key}: {name}', f'drop of {key} (%): {name}')
        ] for key in report['scores']]
        tables.append([f'FPR (%): {name}' for name in other])
    lines = [
        '# Methods side by side', '',
        f'Data: {report["data"]}. {report["note"]}'.rstrip(), ''
    ]
    for columns in tables:
        text = frame[columns].reset_index(names='method')
        lines += [format_table(text, markdown=True), '']
    lines += [f'- {line}' for line in protocol_notes(report)]
    if spread.notna().any(axis=None):
        lines.append('- ±: standard deviation over the runs of a row, which '
                     'differ in their seed.')
    lines += [
        '- Drop: percent of the score under normal sound. FPR: share of the '
        'pixels above the threshold, under sound that is not of the scene.',
        "- Parameters: all of the model's, audio encoder included. FLOPs: one "
        "frame, up to the decode head's output; a multiply-add is one."
    ]
    if set(report['models']) & set(TITLES.values()):
        lines.append('- No model: the mask is made from the ground truth of '
                     'what is visible, and does not depend on the sound.')
    if report['speed_frames']:
        lines.append(
            f'- Frames/s: {report["speed_frames"]} frames, one at a time, '
            f'without reading and scoring; the models in turns, '
            f'{report["threads"]} threads, {report["hardware"]["device"]}.')
    lines += [
        f'- {name}: {entry["source"]}'
        for name, entry in report['models'].items()
    ]
    return '\n'.join(lines) + '\n'
