# Copyright (c) mmteso contributors. All rights reserved.
"""Does a model listen? Scores and pictures under several sounds.

Like the paper's figures 4 and J8 (audio control) and J9 (attention with and
without text).
"""
import copy
import os.path as osp
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

import pandas as pd
from mmengine.config import Config

from mmteso.apis import evaluate_audio_conditions, init_model
from mmteso.choices import AUDIO_CONDITIONS, PICTURES
from mmteso.engine import describe_sounds, make_audio_report, protocols
from mmteso.engine.audio_report import SCORES
from mmteso.engine.sound_steps import dataset_configs
from mmteso.io import plain, read_json, read_yaml, write_file, write_json
from mmteso.tables import format_number, format_table
from mmteso.visualization import BarPanel, draw_bar_chart, draw_picture_grid
from .attention import draw_attention
from .demo import REFERENCES, describe_machine
from .frames import (choose_frames, load_frames, mask_rows, masks_only,
                     references)

_FURTHER = ('J_sounding', 'J_part', 'foreground', 'blank')
#: Defaults of what :func:`mmteso.engine.evaluate_audio_conditions` takes.
SOUND = dict(reference='snr', seed=0, off_screen_groups=None)


@dataclass
class ComparedModel:
    """A model of :func:`make_preference_report`."""
    name: str  # of the bars, rows and columns
    config: str = ''  # path, for the record
    cfg: Optional[Config] = None  # None: a report only, in no picture
    checkpoint: Optional[str] = None  # needed with cfg
    # JSON file of tools/test.py --audio-out; None: the model is tested
    report: Optional[str] = None
    attention: bool = False  # whether it is drawn


def make_preference_report(models: Sequence[ComparedModel],
                           out: str,
                           conditions: Sequence[str] = AUDIO_CONDITIONS,
                           frames: Union[int, Sequence[str]] = 6,
                           pictures: Sequence[str] = tuple(PICTURES),
                           paper: Optional[Mapping[str, Any]] = None,
                           note: str = '',
                           **sound: Any) -> Dict[str, Any]:
    """Test models under several sounds; write report and pictures.

    Writes ``report.json``, whose content it returns, ``report.md`` and the
    pictures into the folder ``out``. The test set of the first model, which
    must have a config, gives the frames to draw: so many, or those of these
    names, '{uid}:{frame}' each. Published numbers (``paper``, from
    :func:`read_paper_numbers`) are drawn in charts of their own; ``note``
    stands in report and titles; ``sound`` is ``reference``, ``seed`` and
    ``off_screen_groups`` of :func:`mmteso.engine.evaluate_audio_conditions`.
    """
    sound = {**SOUND, **sound}
    # what may be wrong with the data costs no test
    dataset = masks_only(models[0].cfg)
    names = choose_frames(dataset, frames) if isinstance(
        frames, int) else list(frames)
    load_frames(dataset, names)
    # what was read must be of the sounds that are drawn and named
    asked = dict(conditions=dict.fromkeys(conditions), metrics=[], **sound)
    entries: Dict[str, Any] = {}
    for i, model in enumerate(models):
        if model.name in entries:
            raise ValueError(f'two models are called {model.name!r}')
        entries[model.name] = audio_report_of(model,
                                              osp.join(out, f'runs/{i}'),
                                              conditions, sound)
        check_comparable({'what is asked for': asked, **entries}, conditions)
    report = plain(
        dict(
            data=f'{describe_data(models[0].cfg)}, {len(dataset)} frames',
            note=note,
            audio=list(conditions),
            noise_reference=sound['reference'],
            seed=sound['seed'],
            off_screen_groups=sound['off_screen_groups'],
            models=entries,
            references=references(models[0].cfg),
            paper=paper,
            frames=names,
            pictures=[f'{name}.png' for name in PICTURES if name in pictures],
            **describe_machine()))
    # before the pictures: if these fail, the tests were not in vain
    write_json(report, osp.join(out, 'report.json'))
    write_file(osp.join(out, 'report.md'), format_preference_report(report))

    title = f'{report["data"]}{": " + note if note else ""}'
    if 'scores' in pictures:
        draw_bar_chart(score_panels(report), osp.join(out, 'scores.png'),
                       f'Other sound, same picture\n{title}')
    networks = {
        model.name: init_model(model.cfg, model.checkpoint)
        for model in models
        if model.cfg is not None and set(pictures) & {'masks', 'attention'}
    }
    if 'masks' in pictures:
        draw_picture_grid(
            mask_rows(networks, names, conditions, **sound),
            osp.join(out, 'masks.png'), title)
    if 'attention' in pictures:
        draw_attention(
            {m.name: networks[m.name]
             for m in models if m.attention}, names,
            osp.join(out, 'attention.png'),
            f'Attention of the mask queries\n{title}')
    return report


def audio_report_of(model: ComparedModel, work_dir: str,
                    conditions: Sequence[str],
                    sound: Mapping[str, Any]) -> Dict[str, Any]:
    """A model's scores, from its report or tested here."""
    if model.report is not None:
        report = read_audio_report(model.report)
        report['source'] = f'read from {model.report}'
    else:
        cfg = copy.deepcopy(model.cfg)
        cfg.work_dir = work_dir
        # two models may have the same config; a runner's name is its own
        cfg.experiment_name = work_dir.replace('/', '-')
        report = evaluate_audio_conditions(cfg, model.checkpoint, conditions,
                                           **sound)
        report['source'] = f'tested here: {model.config}, {model.checkpoint}'
    found = report['conditions']
    report['conditions'] = {x: found[x] for x in conditions if x in found}
    if not report['conditions']:
        raise ValueError(f'{model.name!r} was tested under none of '
                         f'{list(conditions)}')
    return report


def read_audio_report(path: str) -> Dict[str, Any]:
    """Read what ``tools/test.py --audio-out`` wrote."""
    report = read_json(path)
    needed = {'conditions', 'metrics', 'reference', 'seed'}
    if not isinstance(report, dict) or not needed <= set(report):
        raise ValueError(f'"{path}" lacks some of {sorted(needed)}: expected '
                         'a file that tools/test.py --audio-out wrote')
    return report


def read_paper_numbers(path: str) -> Dict[str, Any]:
    """Read published numbers from a YAML file.

    It has ``source``, ``data`` and ``protocol`` (text), and ``models``: scores
    (J in percent, F of 1) by model, audio condition and name. Of each model
    this gives a report with its ``conditions``, F in percent too, and the
    ``drop_percent`` that follows.
    """
    content, scale = read_yaml(path), dict(J=1, F=100)
    try:
        models = {
            model: make_audio_report({
                name: {key: scale[key] * x
                       for key, x in scores.items()}
                for name, scores in rows.items()
            })
            for model, rows in content['models'].items()
        }
        return {
            key: content[key]
            for key in ('source', 'data', 'protocol')
        } | dict(models=models)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f'"{path}": expected source, data, protocol and models: {{model: '
            f'{{condition: {{J: percent, F: of 1}}}}}} ({error!r})') from error


def describe_data(cfg: Config) -> str:
    """The test set of a config in a few words."""
    parts = []
    for leaf in dataset_configs(cfg.test_dataloader.dataset):
        folder = osp.basename(osp.normpath(str(leaf.get('data_root'))))
        values = [leaf.get(key) for key in ('subsets', 'split', 'task')]
        text = ', '.join([folder] + [
            value if isinstance(value, str) else '+'.join(value)
            for value in values if value
        ])
        if folder.startswith('synthavs'):
            text += ' (SynthAVS: synthetic, not AVSBench)'
        parts.append(text)
    return '; '.join(parts)


def check_comparable(reports: Mapping[str, Mapping[str, Any]],
                     conditions: Sequence[str]) -> None:
    """Refuse to draw numbers beside each other that mean different things.

    Models have to be tested by one protocol of J and F, with the same noise
    and the same off-screen clips.
    """
    seen: Dict[str, tuple] = {}
    for name, report in reports.items():
        shown = set(conditions) & set(report['conditions'])
        noise = any(one.startswith('wgn') for one in shown)
        lent = 'off-screen' in shown
        protocol = [
            line for line in report['metrics'] if line.startswith('AVSMetric')
        ]
        for key, value, counts in (
            ('protocol', protocol, bool(protocol)),
            ('reference', report['reference'], noise),
            ('seed', report['seed'], noise or lent),
            ('off_screen_groups', report.get('off_screen_groups'), lent)):
            other, known = seen.setdefault(key, (name, value)) if counts \
                else (name, value)
            if known != value:
                raise ValueError(
                    f'{name!r} and {other!r} can\'t be compared: their '
                    f'{key} is {value} and {known}')


def score_frame(reports: Mapping[str, Mapping[str, Any]],
                conditions: Sequence[str] = ()) -> pd.DataFrame:
    """Scores of models and, as ``drop of {score}``, what they lose.

    In percent, by (model, condition) and score, the most important ones
    first; NaN where unknown.
    """
    scores, drops = (
        pd.DataFrame({(model, name): report.get(what, {}).get(name, {})
                      for model, report in reports.items()
                      for name in conditions or report['conditions']
                      if name in report['conditions']}).T
        for what in ('conditions', 'drop_percent'))
    frame = scores.join(drops.add_prefix('drop of ')).astype(float)
    # those of a metric with a prefix, a second one as a rule, come last
    keys = sorted((key for key in scores if osp.basename(key) in SCORES),
                  key=lambda x: ('/' in x, SCORES.index(osp.basename(x))))
    columns = [c for key in keys for c in (key, f'drop of {key}')]
    columns += [key for key in _FURTHER if key in frame]
    return frame.reindex(columns=columns)


def _score_table(frame: pd.DataFrame,
                 reference_rows: Optional[Mapping[str, Any]] = None) -> str:
    """Models x conditions as a Markdown table."""
    if reference_rows:
        frame = pd.concat([
            frame,
            pd.DataFrame({(title, 'any'): reference_rows[name]
                          for name, title in REFERENCES.items()}).T
        ])[frame.columns]
    text = frame.map(format_number).rename_axis(['model', 'audio'])
    return format_table(text.reset_index(), markdown=True, left=2)


def score_panels(report: Mapping[str, Any]) -> List[BarPanel]:
    """One chart per score, and one per score of the published numbers.

    Published numbers never share a chart with measured ones.
    """
    panels = _panels(
        score_frame(report['models'], report['audio']), report['data'])
    for panel in panels:
        key = panel.title.split(':')[0]
        panel.lines = {
            title: report['references'][name][key]
            for name, title in REFERENCES.items()
            if key in (report['references'] or {}).get(name, {})
        }
    panels[-1].footnote = '\n'.join([
        *protocol_notes(report), 'Percentage: of the score under normal sound.'
    ])
    paper = report['paper']
    if paper:
        panels += _panels(
            score_frame(paper['models']),
            f'{paper["data"]}, PUBLISHED, not measured here\n'
            f'({paper["source"]})',
            hatched=True)
    return panels


def _panels(frame: pd.DataFrame, data: str, **kwargs) -> List[BarPanel]:
    """A chart for each score: groups of models, a bar for each condition."""
    panels = []
    for key in frame:
        if f'drop of {key}' in frame:
            known = frame[frame[key].notna()]
            # no "-0"
            notes = known[f'drop of {key}'].map(
                lambda x: '' if pd.isna(x) else f'{round(-x):+d} %')
            groups, bars = (known.index.unique(level) for level in (0, 1))
            values, notes = (
                column.unstack().reindex(groups, columns=bars)
                for column in (known[key], notes))
            panels.append(BarPanel(f'{key}: {data}', values, notes, **kwargs))
    return panels


def protocol_notes(report: Mapping[str, Any]) -> List[str]:
    """What the measured numbers of a report refer to, one line each."""
    return protocols(report['models'].values()) + describe_sounds(
        dict(
            report,
            conditions=report['audio'],
            reference=report['noise_reference']))


def format_preference_report(report: Mapping[str, Any]) -> str:
    """The report of :func:`make_preference_report` as Markdown."""
    frame = score_frame(report['models'], report['audio'])
    lines = [
        '# Other sound, same picture', '',
        f'Data: {report["data"]}. {report["note"]}'.rstrip(), '',
        'Measured, in percent. A model that listens loses its score when its '
        'sound is replaced; one that doesn\'t goes on segmenting what could '
        'sound.', '',
        _score_table(frame, report['references']), '',
        *(f'- {line}' for line in protocol_notes(report)),
        '- Drop: percent of the score under normal sound.',
        '- F does not reach 0 for a blank mask (see AVSMetric).'
    ]
    for name, entry in report['models'].items():
        lines += [f'- {name}: {entry["source"]}']
        # of all conditions that it was tested under
        for key, value in (entry.get('listening_score') or {}).items():
            lines[-1] += (f'; listening score of {key} (ours, see '
                          f'mmteso.evaluation.listening_score): '
                          f'{format_number(value)}')
    paper = report['paper']
    if paper:
        lines += [
            '', f'## Published numbers: {paper["data"]}', '',
            f'Not measured here ({paper["source"]}). Protocol: '
            f'{paper["protocol"]}. Not comparable with the numbers above '
            'unless these are of the same data and protocol. J and F in '
            'percent.', '',
            _score_table(score_frame(paper['models']))
        ]
    for name in report['pictures']:
        caption = PICTURES[osp.splitext(name)[0]]
        lines += ['', f'![{caption}]({name})', '', f'{caption}.']
    return '\n'.join(lines) + '\n'
