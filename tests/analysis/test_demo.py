# Copyright (c) mmteso contributors. All rights reserved.
import json
import math

import torch

from mmteso.analysis.demo import format_report, make_report
from mmteso.io import write_json

AUDIO_REPORT = dict(
    conditions=dict(normal=dict(J=80., F=90., J_part=70., blank=0.),
                    mute=dict(J=16., F=12., J_part=0., blank=math.nan)),
    drop_percent=dict(mute=dict(J=80., F=86.7)), listening_score=dict(J=81.5),
    metrics=['AVSMetric: per frame'], reference='snr')
REFERENCES = dict(
    everything=dict(J=69., J_part=50.), blank=dict(J=15., J_part=0.))


def test_report_is_strict_json(tmp_path):
    report = make_report(AUDIO_REPORT, REFERENCES, seed=5)
    assert report['references'] == REFERENCES and report['seed'] == 5
    assert report['drop_percent'] == dict(mute=80.)
    assert report['versions']['torch'] == torch.__version__
    # NaN is no JSON
    assert report['conditions']['mute']['blank'] is None
    write_json(report, str(tmp_path / 'report.json'))
    assert json.loads((tmp_path / 'report.json').read_text()) == report


def test_table_has_a_row_per_condition_and_reference():
    lines = format_report(make_report(AUDIO_REPORT, REFERENCES)).splitlines()
    cells = [[cell.strip() for cell in line.strip('|').split('|')]
             for line in lines if line.startswith('|')]
    header, rows = cells[0], {row[0]: row for row in cells[1:]}
    assert header == ['', 'J', 'F', 'J_sounding', 'J_part', 'foreground',
                      'blank', 'sounding cues kept', 'silent cues kept',
                      'drop of J']
    dash = ['-'] * 4
    assert rows == {
        'normal': ['normal', '80.00', '90.00', '-', '70.00', '-', '0.00',
                   '-', '-', '-'],
        'mute': ['mute', '16.00', '12.00', '-', '0.00', *dash, '80.00'],
        'everything visible (no model)':
        ['everything visible (no model)', '69.00', '-', '-', '50.00', *dash,
         '-'],
        'all blank (no model)':
        ['all blank (no model)', '15.00', '-', '-', '0.00', *dash, '-'],
    }
