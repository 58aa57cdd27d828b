# Copyright (c) mmteso contributors. All rights reserved.
import copy
import json
import re

import numpy as np
import pandas as pd
import pytest
import torch
from both_kinds import random_checkpoint
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from processes import call_tool

from mmteso.analysis.comparison import compare_models
from mmteso.analysis.controls import control_scores
from mmteso.analysis.frames import masks_only, references
from mmteso.analysis.preference import ComparedModel, score_panels


@pytest.fixture
def models(listening_cfg, checkpoint, no_text):
    """Of another size each."""
    return [ComparedModel('TeSO', 'teso.py', listening_cfg, checkpoint),
            no_text]


@pytest.fixture
def command(models, tmp_path):
    """Run the tool with both models and further options."""

    def run(*words):
        rows = []
        for model in models:
            path = tmp_path / model.config
            model.cfg.dump(path)
            rows += ['--model', model.name, path, model.checkpoint]
        call_tool('analysis_tools/compare.py', *rows, '--out',
                  tmp_path / 'out', *words)

    return run


def test_tables_and_chart(command, tmp_path, capsys):
    command('--audio', 'normal', 'mute', '--audio-reference', 'pcm16',
            '--audio-seed', 4, '--speed-frames', 2, '--note', 'random',
            '--cfg-options', 'test_dataloader.batch_size=1')
    out = tmp_path / 'out'
    assert capsys.readouterr().out.splitlines()[-4:] == [
        str(out / name) for name in ('comparison.md', 'comparison.csv',
                                     'comparison.json', 'scores.png')]
    report = json.loads((out / 'comparison.json').read_text())
    for entry in report['models'].values():
        assert entry['reference'] == 'pcm16' and entry['seed'] == 4
    everything, chance, blank = list(report['models'])[2:]
    table = pd.read_csv(out / 'comparison.csv', index_col='model')
    assert list(table.index) == list(report['models'])
    # sizes and speed of models alone, and each its own
    sizes = table[['parameters (M)', 'FLOPs (G)', 'frames/s']]
    assert (sizes[:2] > 0).all(axis=None) and sizes[2:].isna().all(axis=None)
    assert sizes['parameters (M)'].nunique() == 2
    # what hears nothing loses nothing
    assert (table['drop of J (%): mute'][2:4] == 0).all()
    assert table['FPR (%): mute'][blank] == 0
    entry = report['models']['TeSO']
    assert table['J: mute']['TeSO'] == entry['conditions']['mute']['J']
    assert table['J'][everything] > table['J'][chance]
    text = (out / 'comparison.md').read_text()
    row, = (line for line in text.splitlines() if line.startswith(
        '| TeSO') and f'{entry["parameters"] / 1e6:.2f}' in line)
    assert f'{entry["conditions"]["normal"]["J"]:.2f}' in row
    assert f'- {entry["metrics"][0]}\n' in text
    assert '- Frames/s: 2 frames' in text
    assert 'random' in text and (out / 'scores.png').stat().st_size > 1000


def test_controls_are_the_reference_scores(listening_cfg):
    """Of the same masks, by the metric and not by a function of its own."""
    scores = control_scores(listening_cfg)
    expected = references(listening_cfg)
    for name in ('everything', 'blank'):
        found, protocol = scores[name]
        for key in ('J', 'J_part'):
            assert found[key] == pytest.approx(
                expected[name][key], nan_ok=True)
        assert protocol.startswith('AVSMetric: J and F')
    assert 0 < scores['random'][0]['foreground'] < \
        scores['everything'][0]['foreground']
    # of its seed alone
    again, *others = (
        control_scores(listening_cfg, ['random'],
                       seed)['random'][0]['foreground'] for seed in range(4))
    assert again == scores['random'][0]['foreground']
    assert set(others) != {again}


def test_only_blank_where_nothing_says_what_is_visible(listening_cfg):
    """As on AVSBench."""
    for step in listening_cfg.test_dataloader.dataset.pipeline:
        step.pop('load_visible', None)
    scores = control_scores(listening_cfg)
    assert list(scores) == ['blank']
    silent = np.mean([
        not item['data_samples'].gt_sem_seg.data.any()
        for item in masks_only(listening_cfg)
    ])
    assert scores['blank'][0]['J_sounding'] == 0
    assert scores['blank'][0]['J'] == pytest.approx(100 * silent)


def test_what_is_left_out(command, tmp_path):
    command('--audio', 'normal', '--controls', 'blank', '--speed-frames', 0)
    report = json.loads((tmp_path / 'out/comparison.json').read_text())
    assert list(report['models'])[2:] == ['all blank (no model)']
    table = pd.read_csv(tmp_path / 'out/comparison.csv')
    assert table['frames/s'].isna().all()
    assert '- Frames/s:' not in (tmp_path / 'out/comparison.md').read_text()


@pytest.mark.parametrize('options, message', [
    (['--audio', 'loud'], "unknown audio condition 'loud'"),
    (['--model', 'other', 'no-such.py', 'none'], 'there is no file no-such'),
])
def test_wrong_options(command, tmp_path, capsys, options, message):
    with pytest.raises(SystemExit) as error:
        command(*options)
    assert error.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_names_and_sizes(models, command, tmp_path):
    models[0].name = 'TeSO | ours, "new"'
    command('--audio', 'normal', '--speed-frames', 0, '--score-size', 16, 8)
    out = tmp_path / 'out'
    assert models[0].name in pd.read_csv(out / 'comparison.csv').model.values
    rows = [line for line in (out / 'comparison.md').read_text().splitlines()
            if line.startswith('|')]
    assert len(rows) == 7
    assert len({len(re.findall(r'(?<!\\)\|', row)) for row in rows}) == 1
    report = json.loads((out / 'comparison.json').read_text())
    for entry in report['models'].values():
        assert '16 x 8' in ' '.join(entry['metrics'])


@pytest.mark.parametrize('metrics, scores', [
    (['AVSSMetric'], ['avss/F', 'avss/mIoU']),
    (['AVSSMetric', 'AVSMetric'], ['J', 'F', 'avss/F', 'avss/mIoU']),
])
def test_classes_of_what_sounds(models, tmp_path, metrics, scores):
    model = models[1]
    model.cfg.test_dataloader.dataset.task = 'semantic'
    model.cfg.model.decode_head.update(num_classes=9)
    model.cfg.model.decode_head.loss_cls.class_weight = [1.] * 9 + [0.1]
    model.cfg.test_evaluator = [dict(type=name) for name in metrics]
    model.checkpoint = random_checkpoint(model.cfg)
    report = compare_models([model], str(tmp_path), ['normal', 'mute'],
                            ['blank'], speed_frames=0)
    assert report['scores'] == scores
    # AVSMetric scores what needs no model
    assert ('all blank (no model)' in report['models']) == ('J' in scores)
    table = pd.read_csv(tmp_path / 'comparison.csv', index_col='model')
    found = report['models'][model.name]
    for key in scores:
        assert table[key][model.name] == found['conditions']['normal'][key]
        assert table[f'drop of {key} (%): mute'][model.name] == \
            found['drop_percent']['mute'][key]
        assert f' drop of {key} (%): mute |' in (
            tmp_path / 'comparison.md').read_text()
    assert [panel.title.split(':')[0]
            for panel in score_panels(report)] == scores


def test_metrics_in_common(models, tmp_path):
    models[0].cfg.test_evaluator = [dict(type='AVSSMetric')]
    with pytest.raises(ValueError, match='no metric in common'):
        compare_models(models, str(tmp_path / 'out'))
    assert not (tmp_path / 'out').exists()


def test_a_wrong_checkpoint_costs_no_test(models, tmp_path):
    models[1].checkpoint = models[0].checkpoint
    with pytest.raises(RuntimeError, match='does not fit the model'):
        compare_models(models, str(tmp_path / 'out'))
    assert not (tmp_path / 'out').exists()


def test_other_frames_are_refused(models, tmp_path):
    models[1].cfg.test_dataloader.dataset.indices = 2
    with pytest.raises(ValueError, match="'without text' is tested on other"):
        compare_models(models, str(tmp_path / 'out'))
    assert not (tmp_path / 'out').exists()


def test_runs_of_a_row(models, tmp_path):
    """Their mean, and how far they lie apart."""
    out = tmp_path / 'out'
    other = copy.copy(models[1])
    with DefaultScope.overwrite_default_scope('mmseg'):
        torch.manual_seed(2)
        other.checkpoint = str(tmp_path / 'second.pth')
        torch.save(
            dict(state_dict=MODELS.build(other.cfg.model).state_dict()),
            other.checkpoint)
    report = compare_models(
        [*models, other], str(out), ['normal', 'mute'], [], speed_frames=0)
    assert list(report['models']) == ['TeSO', 'without text']
    entry = report['models']['without text']
    assert 'runs' not in report['models']['TeSO']
    for i, run in enumerate(entry['runs'], 1):
        assert run == json.loads((out / f'runs/{i}/report.json').read_text())
    # one drop everywhere, in the chart, too
    one, two = (run['drop_percent']['mute']['F'] for run in entry['runs'])
    assert one != two
    assert entry['drop_percent']['mute']['F'] == pytest.approx((one + two) / 2)
    for key, column in (('J', 'J: mute'), ('F', 'F: mute'),
                        ('foreground', 'FPR (%): mute')):
        one, two = (run['conditions']['mute'][key] for run in entry['runs'])
        assert one != two
        table = pd.read_csv(out / 'comparison.csv', index_col='model')
        assert table[column]['without text'] == pytest.approx((one + two) / 2)
        deviation = table[f'{column} (sd)']
        assert np.isnan(deviation['TeSO'])
        assert deviation['without text'] == pytest.approx(
            abs(one - two) / 2**.5)
        cell = f'{(one + two) / 2:.2f} ± {abs(one - two) / 2**.5:.2f}'
        assert cell in (out / 'comparison.md').read_text()
    assert other.checkpoint in entry['source']


def test_wrong_arguments(models, tmp_path):
    with pytest.raises(ValueError, match='needs the audio condition normal'):
        compare_models(models, str(tmp_path / 'out'), conditions=['mute'])
    models[1].name = models[0].name
    with pytest.raises(ValueError, match='two configs have one name'):
        compare_models(models, str(tmp_path / 'out'))
