# Copyright (c) mmteso contributors. All rights reserved.
"""Numbers of the demo (``make demo``)."""
import os
import platform
from typing import Any, Dict, Mapping

import pandas as pd
import torch
from mmengine.utils import get_git_hash

from mmteso.io import plain
from mmteso.version import __version__, installed_versions
from mmteso.tables import format_number, format_table

#: Rows without a model, by their name in a report.
REFERENCES = dict(
    everything='everything visible (no model)', blank='all blank (no model)')
#: Columns of the demo's table, in percent.
COLUMNS = ('J', 'F', 'J_sounding', 'J_part', 'foreground', 'blank',
           'cues/sounding_kept', 'cues/silent_kept')


def make_report(audio_report: Mapping[str, Any],
                reference_rows: Mapping[str, Mapping[str, float]],
                **facts: Any) -> Dict[str, Any]:
    """``report.json``; numbers that are not finite become None."""
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


def format_report(report: Mapping[str, Any]) -> str:
    """The report as a table: conditions and references, in percent."""
    rows = dict(report['conditions'])
    rows.update({
        title: report['references'][name]
        for name, title in REFERENCES.items()
    })
    frame = pd.DataFrame([[
        name, *(format_number(scores.get(key)) for key in COLUMNS),
        format_number(report['drop_percent'].get(name))
    ] for name, scores in rows.items()])
    titles = [
        key.replace('cues/', '').replace('_kept', ' cues kept')
        for key in COLUMNS
    ]
    return format_table(frame.set_axis(['', *titles, 'drop of J'], axis=1))
