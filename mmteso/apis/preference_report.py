# Copyright (c) mmteso contributors. All rights reserved.
"""Does a model listen? Scores and pictures under several sounds.

Like the paper's figures 4 and J8 (audio control) and J9 (attention with and
without text).
"""
import copy
import os.path as osp
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence

import numpy as np
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmengine.utils import mkdir_or_exist

from mmteso.engine import AUDIO_CONDITIONS, evaluate_audio_conditions
from mmteso.engine.sound_steps import dataset_configs, type_name
from mmteso.io import plain, write_json
from mmteso.visualization import (FrameRow, HeatRow, draw_bar_chart,
                                  draw_heat_grid, draw_overlay_grid,
                                  overlay_mask)
from .demo_report import describe_machine, references
from .frame_pictures import (FrameKey, choose_frames, condition_datasets,
                             condition_rows, describe_frame, find_frames,
                             frame_key, frame_picture, load_frames, load_model,
                             masks_only)
from .preference_scores import (check_comparable, describe_data, notes_on,
                                read_audio_report, score_keys, score_panels,
                                score_table)
from .sounding_attention import reads_cues, sounding_attention

PICTURES = ('scores', 'masks', 'attention')
_FILES = {name: f'{name}.png' for name in PICTURES}
_HEAT_UNIT = 'attention x sounding queries (1: one query, everywhere alike)'


@dataclass
class ComparedModel:
    """A model of :func:`make_preference_report`.

    Attributes:
        name (str): Of the bars, rows and columns.
        config (str): Path of its config, for the record. Defaults to ''.
        cfg (Config, optional): The config. Defaults to None: there is a
            report only, and the model is in no picture.
        checkpoint (str, optional): Weights; needed with ``cfg``.
        report (str, optional): JSON file of ``tools/test.py --audio-out``
            with its scores. Defaults to None: the model is tested.
        attention (bool): Whether its attention is drawn. Defaults to False.
    """
    name: str
    config: str = ''
    cfg: Optional[Config] = None
    checkpoint: Optional[str] = None
    report: Optional[str] = None
    attention: bool = False


def make_preference_report(models: Sequence[ComparedModel],
                           out: str,
                           conditions: Sequence[str] = AUDIO_CONDITIONS,
                           reference: str = 'snr',
                           seed: int = 0,
                           frames: int = 6,
                           frame_names: Sequence[str] = (),
                           pictures: Sequence[str] = PICTURES,
                           paper: Optional[Mapping[str, Any]] = None,
                           note: str = '',
                           off_screen_groups: Optional[str] = None
                           ) -> Dict[str, Any]:
    """Test models under several sounds, and draw what they do.

    Writes to ``out``:

    - ``report.json`` and ``report.md``: the numbers and where they are from;
    - ``scores.png``: bars, by model and audio condition;
    - ``masks.png``: frames x audio conditions, with the sound that was heard;
    - ``attention.png``: where the queries that find something sounding look,
      with the cues and without, see :func:`sounding_attention`.

    Args:
        models (Sequence[ComparedModel]): At least one; the first one's test
            set gives the frames and must have a config.
        out (str): Folder.
        conditions (Sequence[str]): See :func:`audio_condition_transform`.
            Defaults to normal, mute, wgn-10db and wgn-40db.
        reference (str): What the noise's level refers to. Defaults to 'snr'.
        seed (int): Of the noise and of the off-screen clips. Defaults to 0.
        frames (int): How many frames to draw. Defaults to 6.
        frame_names (Sequence[str]): Draw these frames instead, see
            :func:`find_frames`. Defaults to none.
        pictures (Sequence[str]): Which of 'scores', 'masks' and 'attention'.
            Defaults to all.
        paper (Mapping, optional): Published numbers, see
            :func:`read_paper_numbers`; drawn in charts of their own.
            Defaults to None.
        note (str): Written into report and titles. Defaults to ''.
        off_screen_groups (str, optional): See :class:`AudioControlLoop`.
            Defaults to None.

    Returns:
        dict: What ``report.json`` holds.

    Raises:
        ValueError: If the models have no config or the same name, can't be
            compared, a report is of other sounds than asked for here, or a
            frame isn't there.
    """
    names = [model.name for model in models]
    if not models or models[0].cfg is None:
        raise ValueError('the first model needs a config: its test set gives '
                         'the frames')
    if len(set(names)) < len(names):
        raise ValueError(f'expected models of different names, but got '
                         f'{names}')
    unknown = sorted(set(pictures) - set(PICTURES))
    if unknown:
        raise ValueError(f'expected some of the pictures {PICTURES}, but got '
                         f'{unknown}')
    mkdir_or_exist(out)
    sound = dict(
        reference=reference, seed=seed, off_screen_groups=off_screen_groups)
    # what may be wrong with the data costs no test
    data = describe_data(models[0].cfg)
    dataset = masks_only(models[0].cfg)
    keys = _frame_keys(dataset, frames, frame_names) if set(pictures) & {
        'masks', 'attention'
    } else []
    entries = {}
    # what was read must be of the sounds that are drawn and named
    asked = {
        'what is asked for':
        dict(conditions=dict.fromkeys(conditions), metrics=[], **sound)
    }
    for i, model in enumerate(models):
        entries[model.name] = _scores(
            model, osp.join(out, 'runs', f'{i}-{_slug(model.name)}'),
            conditions, sound)
        check_comparable({**asked, **entries}, conditions)
    report = plain(
        dict(
            data=f'{data}, {len(dataset)} frames',
            note=note,
            audio=list(conditions),
            noise_reference=reference,
            seed=seed,
            off_screen_groups=off_screen_groups,
            models=entries,
            references=_references(models[0].cfg),
            paper=paper,
            frames=[':'.join(map(str, key)) for key in keys],
            pictures=[_FILES[name] for name in PICTURES if name in pictures],
            **describe_machine()))
    # before the pictures: if these fail, the tests were not in vain
    write_json(report, osp.join(out, 'report.json'))
    with open(osp.join(out, 'report.md'), 'w', encoding='utf-8') as file:
        file.write(format_preference_report(report))

    title = f'{report["data"]}{": " + note if note else ""}'
    if 'scores' in pictures:
        draw_bar_chart(
            score_panels(report),
            osp.join(out, _FILES['scores']),
            title=f'Other sound, same picture\n{title}')
    pictured = [model for model in models if model.cfg is not None]
    if 'masks' in pictures:
        rows = mask_rows(pictured, keys, conditions, **sound)
        draw_overlay_grid(rows, osp.join(out, _FILES['masks']), title)
    if 'attention' in pictures:
        rows = attention_rows(
            [model for model in pictured if model.attention], keys)
        draw_heat_grid(
            rows,
            osp.join(out, _FILES['attention']),
            f'Attention of the mask queries\n{title}',
            unit=_HEAT_UNIT)
    return report


def _slug(name: str) -> str:
    return re.sub(r'[^\w.-]+', '-', name)


def _frame_keys(dataset: BaseDataset, count: int,
                names: Sequence[str]) -> List[FrameKey]:
    places = find_frames(dataset,
                         names) if names else choose_frames(dataset, count)
    return [frame_key(dataset.get_data_info(place)) for place in places]


def _scores(model: ComparedModel, work_dir: str, conditions: Sequence[str],
            sound: Mapping[str, Any]) -> Dict[str, Any]:
    """A model's scores, from its report or tested here."""
    if model.report is not None:
        report = read_audio_report(model.report)
        report['source'] = f'read from {model.report}'
    else:
        cfg = copy.deepcopy(model.cfg)
        cfg.work_dir = work_dir
        # two models may have the same config; a runner's name is its own
        cfg.experiment_name = _slug(work_dir)
        report = evaluate_audio_conditions(cfg, model.checkpoint, conditions,
                                           **sound)
        report['source'] = (f'tested here: {model.config}, '
                            f'{model.checkpoint}')
    wanted = [name for name in conditions if name in report['conditions']]
    if not wanted:
        raise ValueError(
            f'{model.name!r} was tested under none of {list(conditions)}, '
            f'but under {list(report["conditions"])}')
    report['conditions'] = {
        name: report['conditions'][name]
        for name in wanted
    }
    return report


def _references(cfg: Config) -> Optional[Dict[str, Dict[str, float]]]:
    """Rows without a model; None where nothing tells what is visible."""
    for leaf in dataset_configs(cfg.test_dataloader.dataset):
        if not any(
                type_name(step) == 'LoadAVSAnnotations'
                and step.get('load_visible') for step in leaf['pipeline']):
            return None
    return references(cfg)


def mask_rows(models: Sequence[ComparedModel], keys: Sequence[FrameKey],
              conditions: Sequence[str], **sound: Any) -> List[FrameRow]:
    """Masks of all models under all sounds, frame by frame.

    Args:
        models (Sequence[ComparedModel]): With config and checkpoint.
        keys (Sequence[FrameKey]): The frames.
        conditions (Sequence[str]): The sounds.
        **sound: ``reference``, ``seed`` and ``off_screen_groups`` of
            :func:`make_preference_report`.

    Returns:
        list[FrameRow]: A row per frame and model, the models of a frame below
        each other, the sound above the first one; below each mask its IoU
        with the ground truth.
    """
    by_model = {}
    for model in models:
        items = {
            name: load_frames(dataset, keys)
            for name, dataset in condition_datasets(
                model.cfg, conditions, **sound).items()
        }
        network = load_model(model.cfg, model.checkpoint)
        by_model[model.name] = condition_rows(
            model.cfg, network, items, sounds=model is models[0])
    rows = []
    for place in range(len(keys)):
        for name, some in by_model.items():
            row = some[place]
            first = name == models[0].name
            if len(models) > 1:
                row.label = f'{name}\n{row.label}' if first else name
            # whose sound it is, if not the frame's, stands in it once
            heard = row.notes if first else {}
            row.notes = {
                column: '\n'.join([
                    _agreement(mask, row.masks['ground truth']),
                    *filter(None, [heard.get(column)])
                ])
                for column, mask in row.masks.items()
                if column != 'ground truth'
            }
            rows.append(row)
    return rows


def _agreement(mask: np.ndarray, truth: np.ndarray) -> str:
    if not truth.any():
        return f'{100 * mask.mean():.0f} % of the frame'
    return f'IoU {100 * (mask & truth).sum() / (mask | truth).sum():.0f} %'


def attention_rows(models: Sequence[ComparedModel],
                   keys: Sequence[FrameKey]) -> List[HeatRow]:
    """Attention of models with and without text, under normal sound.

    Args:
        models (Sequence[ComparedModel]): With config and checkpoint. The
            first one, if it reads cues, is shown without them too.
        keys (Sequence[FrameKey]): The frames.

    Returns:
        list[HeatRow]: By frame. Below each map is how much of it falls on
        what sounds.
    """
    columns, items = {}, []
    for model in models:
        datasets = condition_datasets(model.cfg, ['normal'])
        own = load_frames(datasets['normal'], keys)
        items = items or own
        init_default_scope(model.cfg.get('default_scope', 'mmseg'))
        network = load_model(model.cfg, model.checkpoint)
        columns[model.name] = sounding_attention(network, own)
        if model is models[0] and reads_cues(network):
            columns[f'{model.name}, cues taken away'] = sounding_attention(
                network, own, without_cues=True)
    rows = []
    for i, item in enumerate(items):
        sample = item['data_samples']
        truth = (sample.gt_sem_seg.data[0] % 255 > 0).numpy()
        image = frame_picture(item)
        heats = {name: maps[i].heat for name, maps in columns.items()}
        rows.append(
            HeatRow(
                image,
                heats,
                describe_frame(sample),
                {'ground truth': overlay_mask(image, truth)},
                {
                    name: _on_target(heat, truth)
                    for name, heat in heats.items()
                }))
    return rows


def _on_target(heat: np.ndarray, truth: np.ndarray) -> str:
    if not truth.any():
        return 'nothing sounds'
    return (f'{100 * heat[truth].sum() / max(heat.sum(), 1e-12):.0f} % on '
            'what sounds')


def format_preference_report(report: Mapping[str, Any]) -> str:
    """The report as Markdown.

    Args:
        report (Mapping): From :func:`make_preference_report`.

    Returns:
        str: Tables, sources and pictures.
    """
    scores = {
        name: entry['conditions']
        for name, entry in report['models'].items()
    }
    keys = score_keys(report['models'])
    keys += [
        key for key in ('J_sounding', 'J_part', 'foreground', 'blank')
        if any(key in values for rows in scores.values()
               for values in rows.values())
    ]
    lines = ['# Other sound, same picture', '']
    lines += [f'Data: {report["data"]}. {report["note"]}'.rstrip(), '']
    lines += [
        'Measured, in percent. A model that listens loses its score when its '
        'sound is replaced; one that doesn\'t goes on segmenting what could '
        'sound.', '',
        score_table(scores, report['audio'], keys, report['references']), ''
    ]
    lines += [f'- {line}' for line in notes_on(report)[:-1]]
    lines += ['- Drop: percent of the score under normal sound.']
    if 'F' in keys:
        lines += ['- F does not reach 0 for a blank mask (see AVSMetric).']
    for name, entry in report['models'].items():
        lines += [f'- {name}: {entry["source"]}']
        # of all conditions that it was tested under
        for key, value in (entry.get('listening_score') or {}).items():
            if value is not None:
                lines[-1] += (f'; listening score of {key} (ours, see '
                              f'mmteso.evaluation.listening_score): '
                              f'{value:.2f}')
    paper = report['paper']
    if paper:
        conditions = dict.fromkeys(
            name for rows in paper['models'].values() for name in rows)
        lines += [
            '', f'## Published numbers: {paper["data"]}', '',
            f'Not measured here ({paper["source"]}). Protocol: '
            f'{paper["protocol"]}. Not comparable with the numbers above '
            'unless these are of the same data and protocol. J and F in '
            'percent.', '',
            score_table(paper['models'], list(conditions), ['J', 'F'])
        ]
    captions = {
        'scores.png': 'Scores by model and sound',
        'masks.png': 'Masks by frame and sound: what is segmented keeps its '
        'colours. Above: the log-mel spectrogram of what was heard',
        'attention.png': 'Attention of the last decoder layer that reads the '
        'finest level, a mean over its heads, summed over the mask queries by '
        'the probability that what they find is sounding (ours: the paper '
        'doesn\'t say how its figure J9 puts them together)',
    }
    for name in report['pictures']:
        lines += ['', f'![{captions[name]}]({name})', '', f'{captions[name]}.']
    return '\n'.join(lines) + '\n'
