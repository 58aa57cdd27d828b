# Copyright (c) mmteso contributors. All rights reserved.
"""Records of trained rows, such as an ablation's, and their tables.

A run that is over leaves a JSON file in a folder of results. A record is one
JSON file of a whole table: what all runs share under ``settings``, and for
each run its row, seed, commit, date and the scores that the tables show.
"""
import json
import os.path as osp
from dataclasses import dataclass
from glob import escape, glob
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pandas as pd

from mmteso.engine import flat_scores, protocols
from mmteso.io import plain, read_json, read_yaml, write_file
from mmteso.tables import format_table

Run = Dict[str, Any]

# what stands in a run's file and not among the facts of a record
_NO_FACTS = ('conditions', 'drop_percent', 'listening_score', 'seconds')


@dataclass(frozen=True)
class Row:
    """A row of a table."""
    name: str  # of its config, without the suffix
    title: str  # in the table
    # the paper's mIoU and F in percent, None if unknown; none: a row of ours
    paper: Optional[Sequence[Optional[float]]] = None


def read_rows(path: str, names: Optional[Sequence[str]] = None) -> List[Row]:
    """Read rows from a YAML file, all or those of some names, in its order."""
    rows = [Row(**entry) for entry in read_yaml(path)]
    known = [row.name for row in rows]
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ValueError(f'no rows {unknown} in {path}; there are {known}')
    return [row for row in rows if names is None or row.name in names]


def read_runs(path: str) -> List[Run]:
    """Read a record, or a folder with the files of single runs.

    Gives by row and seed the facts of each run, and ``scores``, its numbers by
    '{condition}/{score}', 'drop_percent/{condition}/{score}',
    'listening_score' and 'seconds/train'.
    """
    if osp.isfile(path):
        record = read_json(path)
        return [{**record['settings'], **run} for run in record['runs']]
    runs = []
    for name in glob(osp.join(escape(path), '*.seed*.json')):
        run = read_json(name)
        scores = flat_scores(run)
        scores['seconds/train'] = run['seconds']['train']
        facts = {key: run[key] for key in run if key not in _NO_FACTS}
        facts['metrics'] = protocols([run], ['AVSMetric'])
        runs.append(dict(facts, scores=scores))
    return sorted(runs, key=_place)


def _place(run: Run) -> Tuple[str, int]:
    return run['row'], run['seed']


def write_record(runs: Sequence[Run], path: str,
                 scores: Sequence[str]) -> None:
    """Add runs with some of their scores to a record.

    Each replaces the one of its row and seed that is there. They have to be
    comparable (:func:`check_comparable`).
    """
    known = read_runs(path) if osp.exists(path) else []
    runs = list({_place(run): run for run in [*known, *runs]}.values())
    check_comparable(runs)
    settings = {
        key: value
        for key, value in runs[0].items()
        if all(key in run and run[key] == value for run in runs)
        and key not in ('row', 'seed', 'scores')
    }
    lines = []
    for run in sorted(runs, key=_place):
        entry = {key: run[key] for key in run if key not in settings}
        entry['scores'] = {
            name: None if value is None else round(value, 4)
            for name, value in run['scores'].items() if name in scores
        }
        lines.append(json.dumps(plain(entry)))
    write_file(path, f'{{"settings": {json.dumps(settings, indent=2)},\n'
               '"runs": [\n' + ',\n'.join(lines) + '\n]}\n')


def check_comparable(runs: Sequence[Run]) -> None:
    """Refuse runs that start from other weights or read other data."""
    states: Dict[str, Any] = {}
    for run in runs:
        found = {str(run['start']): run['start_sha256'], **run['data']}
        for name, state in found.items():
            if states.setdefault(name, state) != state:
                raise ValueError(
                    f'{run["row"]}, seed {run["seed"]} is of another {name} '
                    f'({state}) than other runs ({states[name]}): they can\'t '
                    'stand in one table')


def format_runs(rows: Sequence[Row], runs: Sequence[Run],
                columns: Sequence[Tuple[str, str]]) -> str:
    """A table of runs in Markdown, with the protocol of J and F below.

    Rows are in their order, those without runs left out; columns have titles
    and names of scores. Each cell is the mean over seeds and, where there are
    several, their sample standard deviation; '-' where a run has no such
    number.
    """
    by_row = [(row, [run for run in runs if run['row'] == row.name])
              for row in rows]
    shown = [run for _, some in by_row for run in some]
    check_comparable(shown)
    in_paper = any(row.paper for row in rows)
    lines = []
    for row, some in by_row:
        if some:
            scores = pd.DataFrame([run['scores'] for run in some])
            lines.append([
                row.title, *[_paper(row)] * in_paper,
                *(_spread(scores.get(name)) for _, name in columns),
                len(some)
            ])
    titles = [title for title, _ in columns]
    frame = pd.DataFrame(
        lines,
        columns=[
            'row', *['paper, V1M: J / F'] * in_paper, *titles, 'seeds'
        ])
    return '\n'.join([
        format_table(frame, markdown=True), '',
        *protocols(shown, ['AVSMetric'])
    ])


def _paper(row: Row) -> str:
    return ' / '.join('-' if value is None else f'{value:.2f}'
                      for value in row.paper) if row.paper else '-'


def _spread(values: Optional[pd.Series]) -> str:
    if values is None or values.isna().any():
        return '-'
    spread = f' ± {values.std():.1f}' if len(values) > 1 else ''
    return f'{values.mean():.1f}{spread}'
