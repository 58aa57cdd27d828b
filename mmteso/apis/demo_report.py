# Copyright (c) mmteso contributors. All rights reserved.
"""Numbers and pictures of the SynthAVS demo (``make demo``)."""
import os
import platform
from typing import Any, Dict, Mapping, Optional, Sequence

import torch
from mmengine.config import Config
from mmengine.utils import get_git_hash
from prettytable import PrettyTable

from mmteso.evaluation import reference_scores
from mmteso.io import plain, write_json
from mmteso.version import __version__, installed_versions
from mmteso.visualization import draw_overlay_grid
from .frame_pictures import (choose_frames, condition_datasets, condition_rows,
                             frame_key, load_frames, load_model, masks_only)

#: Columns of the table, in percent: title by key of the report.
COLUMNS = {
    'J': 'J',
    'F': 'F',
    'J_sounding': 'J_sounding',
    'J_part': 'J_part',
    'foreground': 'foreground',
    'blank': 'blank',
    'cues/sounding_kept': 'sounding cues kept',
    'cues/silent_kept': 'silent cues kept'
}


def references(cfg: Config) -> Dict[str, Dict[str, float]]:
    """Rows that need no model, on the config's test set.

    Args:
        cfg (Config): With ``LoadAVSAnnotations(load_visible=True)`` in the
            test pipeline.

    Returns:
        dict: See :func:`mmteso.evaluation.reference_scores`.
    """
    return reference_scores(masks_only(cfg))


def make_report(audio_report: Mapping[str, Any],
                reference_rows: Mapping[str, Mapping[str, float]],
                **facts: Any) -> Dict[str, Any]:
    """Assemble ``report.json``.

    Args:
        audio_report (Mapping): From
            :func:`mmteso.engine.evaluate_audio_conditions`.
        reference_rows (Mapping): From :func:`references`.
        **facts: Everything else: seconds, iterations, seed, ...

    Returns:
        dict: Plain types; numbers that are not finite become None.
    """
    return plain(
        dict(
            conditions=audio_report['conditions'],
            references=reference_rows,
            drop_percent={
                name: drops['J']
                for name, drops in audio_report['drop_percent'].items()
            },
            listening_score=audio_report['listening_score']['J'],
            protocol=audio_report['metrics'],
            noise_reference=audio_report['reference'],
            **facts,
            **describe_machine()))


def describe_machine() -> Dict[str, Any]:
    """Versions and hardware, for a report."""
    return dict(
        versions=dict(
            mmteso=__version__,
            commit=get_git_hash(digits=12),
            python=platform.python_version(),
            **installed_versions()),
        hardware=dict(
            machine=platform.machine(),
            cpus=os.cpu_count(),
            device=torch.cuda.get_device_name()
            if torch.cuda.is_available() else 'cpu'))


def write_report(report: Mapping[str, Any], path: str) -> None:
    """Write a report as JSON."""
    write_json(report, path)


def format_table(report: Mapping[str, Any]) -> str:
    """The report as a table.

    Args:
        report (Mapping): From :func:`make_report`.

    Returns:
        str: One row per condition, one per reference; in percent.
    """
    table = PrettyTable(['', *COLUMNS.values(), 'drop of J'])
    table.align = 'r'
    table.align[''] = 'l'
    rows = dict(report['conditions'])
    rows['everything visible (no model)'] = report['references']['everything']
    rows['all blank (no model)'] = report['references']['blank']
    for name, scores in rows.items():
        cells = [scores.get(key) for key in COLUMNS]
        cells.append(report['drop_percent'].get(name))
        table.add_row([name, *map(_cell, cells)])
    return table.get_string()


def _cell(value: Optional[float]) -> str:
    return '-' if value is None else f'{value:.2f}'


def draw_conditions(cfg: Config,
                    checkpoint: str,
                    conditions: Sequence[str],
                    path: str,
                    count: int = 10,
                    title: str = '') -> None:
    """Draw frames x {ground truth, conditions}.

    Args:
        cfg (Config): Model and test set.
        checkpoint (str): Weights.
        conditions (Sequence[str]): Names of audio conditions.
        path (str): Picture to write.
        count (int): Number of frames. Defaults to 10.
        title (str): Written above. Defaults to ''.
    """
    chooser = masks_only(cfg)
    frames = [
        frame_key(chooser.get_data_info(index))
        for index in choose_frames(chooser, count)
    ]
    items = {
        name: load_frames(dataset, frames)
        for name, dataset in condition_datasets(cfg, conditions).items()
    }
    rows = condition_rows(cfg, load_model(cfg, checkpoint), items)
    draw_overlay_grid(rows, path, title)
