# Copyright (c) mmteso contributors. All rights reserved.
import copy
import json

import pytest
from both_kinds import random_checkpoint
from narrow import PROMPT_DIMS
from PIL import Image
from processes import ROOT

from mmteso.analysis import preference
from mmteso.analysis.preference import (ComparedModel, check_comparable,
                                        make_preference_report,
                                        read_paper_numbers, score_panels)
from mmteso.engine import evaluate_audio_conditions
from mmteso.io import plain, write_json

PAPER = str(ROOT / 'tools' / 'analysis_tools' / 'paper_audio_control.yml')
PROTOCOL = 'AVSMetric: J and F per frame'


@pytest.fixture
def full(listening_cfg, checkpoint):
    return ComparedModel(
        'full', 'full.py', listening_cfg, checkpoint, attention=True)


@pytest.fixture
def no_text(listening_cfg, tmp_path):
    """The ablation: sound alone prompts the queries."""
    cfg = copy.deepcopy(listening_cfg)
    cfg.model.prompt_encoder = dict(
        type='AudioPrompt', embed_dims=PROMPT_DIMS, hidden_dims=16)
    cfg.model.cue_loss = None
    # no cues are selected
    cfg.test_evaluator = [dict(type='AVSMetric')]
    cfg.work_dir = str(tmp_path / 'no_text')
    return ComparedModel('without text', 'no_text.py', cfg,
                         random_checkpoint(cfg), attention=True)


def test_report_and_pictures(full, no_text, tmp_path, monkeypatch):
    """Two models; the numbers are those of the test tool."""
    out = tmp_path / 'out'
    seen, drawn = [], []

    def spy(*args, **kwargs):
        seen.append(evaluate_audio_conditions(*args, **kwargs))
        return copy.deepcopy(seen[-1])

    def draw(rows, *args, **kwargs):
        drawn.append(rows)
        return draw_grid(rows, *args, **kwargs)

    draw_grid = preference.draw_picture_grid
    monkeypatch.setattr(preference, 'evaluate_audio_conditions', spy)
    monkeypatch.setattr(preference, 'draw_picture_grid', draw)
    report = make_preference_report([full, no_text], str(out),
                                    ['normal', 'mute'], frames=2,
                                    note='random weights')
    assert json.loads((out / 'report.json').read_text()) == report
    assert list(report['models']) == ['full', 'without text']
    for entry, expected in zip(report['models'].values(), seen):
        assert entry['conditions'] == plain(expected['conditions'])
    assert len(seen) == 2 and seen[0] != seen[1]
    assert report['models']['full']['source'].startswith('tested here: full.')
    assert report['references']['everything']['J'] > 0
    assert '(SynthAVS: synthetic, not AVSBench)' in report['data']
    assert len(report['frames']) == 2 and report['paper'] is None

    text = (out / 'report.md').read_text()
    j = report['models']['without text']['conditions']['mute']['J']
    row, = (line for line in text.splitlines()
            if line.startswith('| without text') and ' mute ' in line)
    assert row.split('|')[3].strip() == f'{j:.2f}'
    for part in ('listening score of J (ours', 'random weights', '# Other',
                 'AVSMetric: J and F per', 'everything visible (no model)'):
        assert part in text
    for name in ('scores.png', 'masks.png', 'attention.png'):
        assert f'({name})' in text and min(Image.open(out / name).size) > 200
    masks, attention = drawn
    assert len(masks) == 4 and len(attention) == 2
    for row in attention:
        assert list(row.pictures) == ['frame', 'ground truth', 'full',
                                      'full, cues taken away', 'without text']
        truth = (row.pictures['ground truth'] == row.pictures['frame']).all(-1)
        for name, note in row.notes.items():
            # nearly: what is grey in the frame looks as if it sounded
            assert truth.any() or note == 'nothing sounds'
            assert row.pictures[name].shape == row.pictures['frame'].shape


def test_scores_of_a_report(full, tmp_path):
    """Given ones are not computed again; a model may have nothing else."""
    given = dict(conditions=dict(normal=dict(J=81.5), mute=dict(J=7.25),
                                 other=dict(J=1.)),
                 metrics=['AVSMetric: as it was'], reference='snr', seed=0)
    path = str(tmp_path / 'audio.json')
    write_json(given, path)
    full.report = path
    models = [full, ComparedModel('elsewhere', report=path)]

    def report(conditions, pictures):
        return make_preference_report(models, str(tmp_path / 'out'),
                                      conditions, frames=1, pictures=pictures)

    found = report(['normal', 'mute'], ['scores', 'masks'])
    for entry in found['models'].values():
        assert entry['conditions'] == dict(
            normal=dict(J=81.5), mute=dict(J=7.25))
        assert entry['source'] == f'read from {path}'
    assert found['pictures'] == ['scores.png', 'masks.png']
    assert not (tmp_path / 'out' / 'attention.png').exists()
    assert not (tmp_path / 'out' / 'runs').exists()
    with pytest.raises(ValueError, match="no frame.*'nobody'"):
        make_preference_report(models, str(tmp_path), frames=['nobody'])
    with pytest.raises(ValueError, match='none of .*wgn-10db'):
        report(['wgn-10db'], ['scores'])
    # of another noise than the one that the report would name
    given.update(conditions={'normal': dict(J=80.), 'wgn-10db': dict(J=8.)},
                 reference='pcm16')
    write_json(given, path)
    with pytest.raises(ValueError, match='reference is pcm16 and snr'):
        report(['wgn-10db'], ['scores'])
    models[1].name = 'full'
    write_json(dict(given, reference='snr'), path)
    with pytest.raises(ValueError, match="two models are called 'full'"):
        report(['wgn-10db'], ['scores'])


def audio_report(**changes):
    conditions = {'normal': dict(J=80., F=90., foreground=5., aAcc=1.),
                  'mute': dict(J=20., F=None, foreground=0., aAcc=1.)}
    return dict(dict(conditions=conditions,
                     drop_percent=dict(mute=dict(J=75., F=None)),
                     metrics=[PROTOCOL, 'CueSelectionMetric: shares'],
                     reference='snr', seed=0, source='tested here'), **changes)


def report(**changes):
    return dict(dict(data='synthavs, test', audio=['normal', 'mute'],
                     models={'TeSO': audio_report()},
                     references=dict(everything=dict(J=68.),
                                     blank=dict(J=12.)), noise_reference='snr',
                     seed=0, off_screen_groups=None, paper=None), **changes)


def test_paper_numbers(tmp_path):
    """A few of them, and that the drop is the paper's."""
    paper = read_paper_numbers(PAPER)
    teso = paper['models']['TeSO']
    assert teso['conditions']['normal'] == dict(J=66.02, F=pytest.approx(80.1))
    assert teso['drop_percent']['mute']['J'] == pytest.approx(42.6, abs=0.05)
    assert 'F' not in paper['models']['label-filter baseline']['conditions'][
        'mute']
    path = tmp_path / 'paper.yml'
    path.write_text('source: s\ndata: d\nmodels: {m: {normal: {mIoU: 3}}}')
    with pytest.raises(ValueError, match='paper.yml": expected source, data'):
        read_paper_numbers(str(path))


@pytest.mark.parametrize('changes, conditions, match', [
    (dict(metrics=['AVSMetric: avsbench']), ['mute'], 'their protocol is'),
    (dict(seed=1), ['wgn-10db'], 'their seed is'),
    (dict(reference='pcm16'), ['wgn-10db'], 'their reference is'),
    (dict(off_screen_groups='avsbench'), ['off-screen'],
     'their off_screen_groups is'),
    (dict(seed=1), ['off-screen'], 'their seed is'),
    # no noise is shown, and other metrics don't matter
    (dict(seed=3, reference='pcm16', metrics=[PROTOCOL]), ['mute'], ''),
])
def test_numbers_that_mean_different_things(changes, conditions, match):
    names = ('normal', 'wgn-10db', 'mute', 'off-screen')
    noisy = dict(conditions={name: {} for name in names})
    reports = dict(a=audio_report(**noisy), b=audio_report(**noisy, **changes))
    if match:
        with pytest.raises(ValueError, match=match):
            check_comparable(reports, conditions)
    else:
        check_comparable(reports, conditions)


def test_panels_hold_the_reports_numbers():
    """And the published ones, in panels of their own."""
    paper = read_paper_numbers(PAPER)
    j, f, *published = score_panels(report(paper=paper))
    assert j.values.to_dict('index') == {'TeSO': dict(normal=80., mute=20.)}
    assert j.notes.to_dict('index') == {'TeSO': dict(normal='', mute='-75 %')}
    assert list(j.lines.values()) == [68., 12.]
    assert 'synthavs, test' in j.title and not j.hatched
    assert f.values.to_dict('index') == {'TeSO': dict(normal=90.)}
    # once, below the last one
    assert j.footnote == '' and f.footnote.startswith(PROTOCOL)
    assert 'CueSelection' not in f.footnote and 'Noise' not in f.footnote
    for panel, key in zip(published, 'JF'):
        assert panel.hatched and 'PUBLISHED, not measured here' in panel.title
        assert not panel.lines and not panel.footnote
        for (model, name), value in panel.values.stack().dropna().items():
            assert value == paper['models'][model]['conditions'][name][key]
    assert published[0].notes['mute']['TeSO'] == '-43 %'
