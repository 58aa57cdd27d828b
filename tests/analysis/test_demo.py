# Copyright (c) mmteso contributors. All rights reserved.
import json
import math

import torch

from mmteso.analysis.demo import make_report
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
