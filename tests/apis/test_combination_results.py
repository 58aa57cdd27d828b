# Copyright (c) mmteso contributors. All rights reserved.
"""The results of the combinations that the repository holds, and their table.
"""
import json
from pathlib import Path

import pytest
from records import ROOT

from mmteso.apis.ablation_tables import COMBINATION_COLUMNS, format_ablation
from mmteso.apis.ablations import CONDITIONS, Bench, collect, read_rows

CONFIGS = ROOT / 'configs' / 'combinations'
ROWS = read_rows(str(CONFIGS / 'rows.yml'))
BENCH = Bench(
    configs=str(CONFIGS),
    results=str(ROOT / 'docs/combinations'),
    work_dir='',
    tools='',
    starts='')
TEXT = (ROOT / 'docs' / 'combinations.md').read_text(encoding='utf-8')


@pytest.fixture(scope='module')
def found():
    """All results; raises if one is of another config than today's."""
    return collect(BENCH, ROWS)


def test_each_config_on_synthavs_is_a_row():
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    assert set(names) == {
        path.stem
        for path in CONFIGS.glob('*.py')
        if not path.stem.endswith(('v1m', 'avss'))
    }


def test_each_row_has_its_run(found):
    assert list(found) == [row.name for row in ROWS]
    assert {path.name for path in Path(BENCH.results).iterdir()} == {
        f'{row.name}.seed0.json'
        for row in ROWS
    }


def test_all_runs_were_made_alike(found):
    runs = [run for runs in found.values() for run in runs]
    for key in ('iterations', 'noise_reference', 'threads', 'versions'):
        values = {json.dumps(run[key], sort_keys=True) for run in runs}
        assert len(values) == 1, key
    assert {tuple(run['conditions']) for run in runs} == {CONDITIONS}
    # all begin with random weights
    assert {run['start'] for run in runs} == {None}


def test_the_docs_show_them(found):
    assert format_ablation(ROWS, found, COMBINATION_COLUMNS) in TEXT


def test_what_the_example_project_compares_itself_with(found):
    """The same run, and its J, F, J_part, and J under mute."""
    run, = found['teso_r18_synthavs-800it']
    normal, mute = (run['conditions'][name] for name in ('normal', 'mute'))
    numbers = (normal['J'], normal['F'], normal['J_part'], mute['J'])
    cells = ' | '.join(f'{number:.1f}' for number in numbers)
    text = (ROOT / 'projects' / 'example' / 'README.md').read_text(
        encoding='utf-8')
    assert f'teso_r18_synthavs-800it.py`) | {cells} |' in text
