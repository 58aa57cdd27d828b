# Copyright (c) mmteso contributors. All rights reserved.
import math

import pytest

from mmteso.engine import flat_scores, format_audio_report, make_audio_report

NORMAL = {'J': 80., 'F': 90., 'J_sounding': 85., 'foreground': 12.,
          'cues/AP': 7., 'J@test_unseen': 60.}
MUTE = {'J': 20., 'F': 45., 'J_sounding': 10., 'foreground': 1.5,
        'cues/AP': 7., 'J@test_unseen': 30.}
OTHER = dict(MUTE, J=40., J_sounding=30., foreground=2.25)
FACTS = dict(metrics=['AVSMetric: x'], reference='pcm16', seed=4,
             off_screen_groups=None)


def report(**conditions):
    conditions = conditions or dict(normal=NORMAL, mute=MUTE)
    return make_audio_report({name.replace('_', '-'): value
                              for name, value in conditions.items()}, **FACTS)


def test_numbers():
    made = report(normal=NORMAL, mute=MUTE, off_screen=OTHER)
    assert made['conditions']['off-screen'] == OTHER
    assert made['drop_percent'] == {
        'mute': {'J': 75., 'F': 50., 'J@test_unseen': 50.},
        'off-screen': {'J': 50., 'F': 50., 'J@test_unseen': 50.}}
    assert made['false_positive_percent'] == {
        'mute': dict(foreground=1.5), 'off-screen': dict(foreground=2.25)}
    assert made['listening_score'] == dict(J=pytest.approx(2 * 80 * 80 / 160))
    assert made['seed'] == 4 and made['metrics'] == ['AVSMetric: x']


def test_several_metrics_keep_apart():
    both = {f'{prefix}/{key}': value
            for prefix, factor in (('a', 1.), ('b', .5))
            for key, value in ((k, factor * v) for k, v in NORMAL.items())}
    made = report(normal=both, mute=both)
    assert set(made['listening_score']) == {'a/J', 'b/J'}
    assert made['listening_score']['a/J'] != made['listening_score']['b/J']
    assert set(made['false_positive_percent']['mute']) == {
        'a/foreground', 'b/foreground'}
    assert 'b/FPR (%)' in format_audio_report(made)
    assert 'listening_score/b/J' in flat_scores(made)


def test_without_normal_there_is_nothing_to_drop_from():
    made = report(mute=MUTE)
    assert 'drop_percent' not in made and 'listening_score' not in made
    assert made['false_positive_percent']['mute'] == dict(foreground=1.5)
    assert set(flat_scores(made)) == {f'mute/{key}' for key in MUTE}
    text = format_audio_report(made)
    assert 'drop (%)' not in text and '1.50' in text


def test_flat():
    flat = flat_scores(
        report(normal=dict(NORMAL, J=0.), mute=dict(MUTE, J=math.nan)))
    assert flat['normal/F'] == 90 and flat['mute/cues/AP'] == 7
    assert flat['drop_percent/mute/F'] == 50
    assert math.isnan(flat['drop_percent/mute/J'])  # undefined, not 0
    assert flat['listening_score'] == 0
    made = report(normal=dict(NORMAL, J=50.), mute=dict(MUTE, J=60.))
    assert made['drop_percent']['mute']['J'] == -20


def test_table():
    text = format_audio_report(
        report(normal=NORMAL, mute=MUTE, wgn_10db=MUTE, off_screen=OTHER))
    lines = [[cell.strip() for cell in line.strip('|').split('|')]
             for line in text.splitlines() if line.startswith('|')]
    rows = {line[0]: dict(zip(lines[0], line)) for line in lines[1:]}
    assert list(rows) == ['normal', 'mute', 'wgn-10db', 'off-screen']
    assert rows['mute']['J'] == '20.00'
    assert rows['mute']['J drop (%)'] == '75.0'
    assert rows['mute']['FPR (%)'] == '1.50'
    assert rows['normal']['FPR (%)'] == rows['normal']['F drop (%)'] == '-'
    assert rows['off-screen']['J@test_unseen'] == '30.00'
    for part in ('AVSMetric: x', "reference 'pcm16', seed 4",
                 'Listening score of J:', 'Ours:', 'another clip of the set '
                 'with other classes, seed 4'):
        assert part in text
    made = report(normal=NORMAL, off_screen=MUTE)
    made['off_screen_groups'] = 'avsbench'
    text = format_audio_report(made)
    assert "other groups of classes ('avsbench')" in text
    assert 'Noise level' not in text


def test_evaluator_that_knows_nothing_of_sounding():
    """IoUMetric alone: its own scores, and no listening score."""
    scores = dict(mIoU=12.345, aAcc=50.)
    made = report(normal=scores, mute=scores)
    assert made['listening_score'] == {}
    assert made['drop_percent']['mute'] == dict(mIoU=0.)
    text = format_audio_report(made)
    assert 'aAcc' not in text and 'FPR' not in text and '12.3' in text
