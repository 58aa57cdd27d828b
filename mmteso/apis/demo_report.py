# Copyright (c) mmteso contributors. All rights reserved.
"""Numbers and pictures of the SynthAVS demo (``make demo``)."""
import copy
import math
import os
import platform
from typing import Any, Dict, List, Mapping, Optional, Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmengine.utils import get_git_hash
from mmseg.registry import DATASETS, MODELS
from prettytable import PrettyTable

from mmteso.engine import audio_condition_dataloader, plain, write_json
from mmteso.evaluation import reference_scores
from mmteso.version import __version__, installed_versions
from mmteso.visualization import FrameRow, draw_overlay_grid

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
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    dataset_cfg = copy.deepcopy(cfg.test_dataloader.dataset)
    # Masks only: no reason to decode sound for these rows.
    dataset_cfg.pipeline = [
        transform for transform in dataset_cfg.pipeline
        if transform.type in ('LoadImageFromFile', 'LoadAVSAnnotations',
                              'PackAVTInputs')
    ]
    return reference_scores(DATASETS.build(dataset_cfg))


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
            protocol=audio_report['metrics'],
            noise_reference=audio_report['reference'],
            **facts,
            versions=dict(
                mmteso=__version__,
                commit=get_git_hash(digits=12),
                python=platform.python_version(),
                **installed_versions()),
            hardware=dict(
                machine=platform.machine(),
                cpus=os.cpu_count(),
                device=torch.cuda.get_device_name()
                if torch.cuda.is_available() else 'cpu')))


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


def choose_frames(dataset, count: int) -> List[int]:
    """Pick frames to look at, spread over the data set.

    Three quarters show some visible object that is silent while another one
    sounds (listening is needed), one is silent, the others are any.

    Args:
        dataset: With ``gt_sem_seg`` and ``gt_visible`` in its samples.
        count (int): How many.

    Returns:
        list[int]: Indices into the data set, sorted.
    """
    kinds: Dict[str, List[int]] = dict(part=[], silent=[], whole=[])
    for index in range(len(dataset)):
        sample = dataset[index]['data_samples']
        sounding = sample.gt_sem_seg.data == 1
        mute = (sample.gt_visible.data == 1) & ~sounding
        kind = 'part' if mute.any() else 'whole'
        kinds[kind if sounding.any() else 'silent'].append(index)
    part = math.ceil(3 * count / 4)
    silent = min(1, count - part)
    quota = dict(part=part, silent=silent, whole=count - part - silent)
    return sorted(index for kind, indices in kinds.items()
                  for index in _spread(indices, quota[kind]))


def _spread(indices: Sequence[int], count: int) -> List[int]:
    if count <= 0 or not indices:
        return []
    places = np.linspace(0, len(indices) - 1, min(count, len(indices)))
    return [indices[int(place)] for place in places]


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
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    datasets = {
        name: DATASETS.build(
            audio_condition_dataloader(cfg.test_dataloader, name)['dataset'])
        for name in conditions
    }
    model = MODELS.build(cfg.model)
    load_checkpoint(model, checkpoint, map_location='cpu')
    model.eval()
    frames = choose_frames(datasets[conditions[0]], count)
    predictions = {}
    for name, dataset in datasets.items():
        batch = pseudo_collate([dataset[index] for index in frames])
        with torch.no_grad():
            predictions[name] = model.test_step(batch)
    rows = []
    for i, index in enumerate(frames):
        item = datasets[conditions[0]][index]
        image = item['inputs']['img'].numpy()[::-1].transpose(1, 2, 0)
        sample = item['data_samples']
        masks = {'ground truth': sample.gt_sem_seg.data[0].numpy() == 1}
        for name in conditions:
            score = predictions[name][i].sounding_score.data[0]
            masks[name] = score.numpy() > 0.5
        rows.append(
            FrameRow(image, masks,
                     f'{sample.uid} t={sample.frame} s: '
                     f'{", ".join(sample.text_cues)}'))
    draw_overlay_grid(rows, path, title)
