# Copyright (c) mmteso contributors. All rights reserved.
import json

import pytest
from mmengine.config import Config
from narrow import load
from processes import ROOT

from mmteso.apis import read_audio_report, read_paper_numbers
from mmteso.apis.preference_scores import (check_comparable, describe_data,
                                           drop, notes_on, score_keys,
                                           score_panels, score_table)

PAPER = ROOT / 'tools' / 'analysis_tools' / 'paper_audio_control.yml'
PROTOCOL = 'AVSMetric: J and F per frame'


def audio_report(**changes):
    conditions = {
        'normal': dict(J=80., F=90., foreground=5., aAcc=1.),
        'mute': dict(J=20., F=None, foreground=0., aAcc=1.),
    }
    return dict(
        dict(
            conditions=conditions,
            metrics=[PROTOCOL, 'CueSelectionMetric: shares'],
            reference='snr',
            seed=0,
            source='tested here'), **changes)


def report(**changes):
    return dict(
        dict(
            data='synthavs, test',
            audio=['normal', 'mute'],
            models={'TeSO': audio_report()},
            references=dict(everything=dict(J=68.), blank=dict(J=12.)),
            noise_reference='snr',
            seed=0,
            off_screen_groups=None,
            paper=None), **changes)


def test_report_of_the_test_tool(tmp_path):
    path = tmp_path / 'audio.json'
    path.write_text(json.dumps(audio_report()))
    assert read_audio_report(str(path)) == audio_report()
    for text, match in (('{}', r"lacks \['conditions', 'metrics'"),
                        ('[1]', 'lacks'), ('{', 'no JSON')):
        path.write_text(text)
        with pytest.raises(ValueError, match=match):
            read_audio_report(str(path))


def test_paper_numbers():
    """A few of them, and that the drop is the paper's."""
    paper = read_paper_numbers(str(PAPER))
    teso = paper['models']['TeSO']
    assert teso['normal'] == dict(J=66.02, F=pytest.approx(80.1))
    assert drop(teso, 'mute', 'J') == pytest.approx(42.6, abs=0.05)
    assert drop(teso, 'wgn-10db', 'J') == pytest.approx(48.2, abs=0.05)
    assert 'F' not in paper['models']['label-filter baseline']['mute']
    assert 'V1M' in paper['data'] and '2407.10947' in paper['source']
    for scores in paper['models'].values():
        for values in scores.values():
            assert all(40 < value < 90 for value in values.values()
                       ) or values['J'] > 30


@pytest.mark.parametrize('text', [
    'a: 1', 'source: s\ndata: d\nmodels: {m: {normal: {J: high}}}',
    'source: s\ndata: d\nmodels: {m: {normal: {mIoU: 3}}}', '- 1'
])
def test_paper_numbers_of_another_kind(tmp_path, text):
    path = tmp_path / 'paper.yml'
    path.write_text(text)
    with pytest.raises(ValueError, match='expected source, data and models'):
        read_paper_numbers(str(path))


@pytest.mark.parametrize('name, expected', [
    ('teso/teso_r18_synthavs.py',
     'synthavs, v2, test, binary (SynthAVS: synthetic, not AVSBench)'),
    ('teso/teso_swin-b_v1m.py', 'v1m, test, binary'),
    ('ablations/synthavs/full.py', 'synthavs-hard, v2, test+test_unseen, '
     'binary (SynthAVS: synthetic, not AVSBench)'),
])
def test_data_in_words(name, expected):
    text = describe_data(load(name))
    assert text.endswith(expected)
    wrapped = Config(
        dict(
            test_dataloader=dict(
                dataset=dict(
                    type='ConcatDataset',
                    datasets=[load(name).test_dataloader.dataset] * 2))))
    assert describe_data(wrapped) == f'{text}; {text}'


@pytest.mark.parametrize('changes, conditions, match', [
    (dict(metrics=['AVSMetric: avsbench']), ['mute'], 'their protocol is'),
    (dict(seed=1), ['wgn-10db'], 'their seed is 0 and 1|their seed is 1'),
    (dict(reference='pcm16'), ['wgn-10db'], 'their reference is'),
    (dict(off_screen_groups='avsbench'), ['off-screen'],
     'their off_screen_groups is'),
    (dict(seed=1), ['off-screen'], 'their seed is'),
])
def test_numbers_that_mean_different_things(changes, conditions, match):
    names = ('normal', 'wgn-10db', 'mute', 'off-screen')
    noisy = dict(conditions={name: {} for name in names})
    reports = dict(a=audio_report(**noisy), b=audio_report(**noisy, **changes))
    with pytest.raises(ValueError, match=match):
        check_comparable(reports, conditions)


def test_numbers_that_can_be_compared():
    # no noise is shown, and other metrics don't matter
    reports = dict(
        a=audio_report(),
        b=audio_report(seed=3, metrics=[PROTOCOL]),
        c=audio_report(metrics=['IoUMetric: see there']))
    check_comparable(reports, ['normal', 'mute', 'wgn-10db'])


def test_scores_in_order():
    entries = dict(
        a=dict(conditions=dict(mute={
            'F': 1,
            'avss/mIoU': 2,
            'avss/F': 5,
            'blank': 3,
            'J': 4
        })))
    assert score_keys(entries) == ['J', 'F', 'avss/F', 'avss/mIoU']


def test_panels_hold_the_reports_numbers():
    j, f = score_panels(report())
    assert j.values == {'TeSO': dict(normal=80., mute=20.)}
    assert j.notes == {'TeSO': dict(mute='-75 %')}
    assert list(j.lines.values()) == [68., 12.]
    assert 'synthavs, test' in j.title and not j.hatched
    assert f.values == {'TeSO': dict(normal=90.)} and not f.lines
    # once, below the last one
    assert j.footnote == '' and f.footnote.startswith(PROTOCOL)
    assert 'CueSelection' not in f.footnote and 'Noise' not in f.footnote


def test_published_numbers_stay_apart():
    paper = read_paper_numbers(str(PAPER))
    panels = score_panels(report(paper=paper))
    assert [panel.hatched for panel in panels] == [False, False, True, True]
    for panel in panels[:2]:
        assert list(panel.values) == ['TeSO']
        assert panel.values['TeSO']['normal'] in (80., 90.)
    for panel, key in zip(panels[2:], 'JF'):
        assert 'PUBLISHED, not measured here' in panel.title
        assert not panel.lines and not panel.footnote
        for model, bars in panel.values.items():
            assert bars == {
                name: values[key]
                for name, values in paper['models'][model].items()
                if key in values
            }
    assert 'label-filter baseline' not in panels[3].values
    assert panels[2].notes['TeSO']['mute'] == '-43 %'


def test_drop():
    scores = dict(
        normal=dict(J=50., F=0., K=None), mute=dict(J=60., F=1., K=3.))
    assert drop(scores, 'mute', 'J') == -20
    assert drop(scores, 'normal', 'J') is None
    assert drop(scores, 'mute', 'F') is None  # of nothing
    assert drop(scores, 'mute', 'K') is None
    assert drop(dict(mute=dict(J=1.)), 'mute', 'J') is None


def test_table():
    models = {'TeSO': audio_report()['conditions']}
    lines = score_table(models, ['normal', 'mute', 'wgn-10db'],
                        ['J', 'F', 'foreground'],
                        report()['references']).splitlines()
    rows = [[cell.strip() for cell in line.strip('|').split('|')]
            for line in lines]
    assert rows[0] == [
        'model', 'audio', 'J', 'drop of J', 'F', 'drop of F', 'foreground'
    ]
    assert rows[2:] == [
        ['TeSO', 'normal', '80.00', '-', '90.00', '-', '5.00'],
        ['TeSO', 'mute', '20.00', '75.0 %', '-', '-', '0.00'],
        ['everything visible (no model)', 'any', '68.00'] + ['-'] * 4,
        ['all blank (no model)', 'any', '12.00'] + ['-'] * 4,
    ]
    assert {len(row) for row in rows} == {7}


def test_notes_say_what_noise():
    noisy = report(audio=['normal', 'wgn-10db', 'off-screen'])
    assert notes_on(noisy)[:3] == [
        PROTOCOL,
        "Noise level: reference 'snr', seed 0 (see ReplaceAudioWithNoise).",
        'off-screen: the sound of a video with other classes, seed 0 (see '
        'ReplaceAudioWithOffScreen).'
    ]
    noisy['off_screen_groups'] = 'avsbench'
    assert "other groups of classes ('avsbench')" in notes_on(noisy)[2]
    other = report(models=dict(a=audio_report(metrics=['IoUMetric: there'])))
    assert notes_on(other)[0] == 'IoUMetric: there'
