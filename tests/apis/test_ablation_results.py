# Copyright (c) mmteso contributors. All rights reserved.
"""The results of the ablation that the repository holds, and their tables."""
import json
from dataclasses import replace
from pathlib import Path

import pytest
from records import ROOT

from mmteso.apis.ablation_tables import (ABLATION_COLUMNS, AUDIO_COLUMNS,
                                         format_ablation)
from mmteso.apis.ablations import CONDITIONS, Bench, collect, read_rows

CONFIGS = ROOT / 'configs' / 'ablations'
ROWS = read_rows(str(CONFIGS / 'rows.yml'))
SEEDS = 3
BENCH = Bench(
    configs=str(CONFIGS / 'synthavs'),
    results=str(ROOT / 'docs/ablations/synthavs'),
    work_dir='',
    tools='',
    starts='')
LONGER = replace(
    BENCH,
    results=str(ROOT / 'docs/ablations/synthavs-long'),
    options=('train_cfg.max_iters=3200', 'param_scheduler.1.end=3200'))
TEXT = (ROOT / 'docs' / 'ablations.md').read_text(encoding='utf-8')


@pytest.fixture(scope='module')
def found():
    """All results; raises if one is of another config than today's."""
    return collect(BENCH, ROWS)


def test_each_row_has_its_runs(found):
    assert {name: [run['seed'] for run in runs]
            for name, runs in found.items()} == {
                row.name: list(range(SEEDS))
                for row in ROWS
            }


def test_there_are_no_others():
    names = {path.name for path in Path(BENCH.results).iterdir()}
    assert names == {
        f'{row.name}.seed{seed}.json'
        for row in ROWS for seed in range(SEEDS)
    }


def test_all_runs_were_made_alike(found):
    runs = [run for runs in found.values() for run in runs]
    for key in ('iterations', 'noise_reference', 'threads', 'versions'):
        values = {json.dumps(run[key], sort_keys=True) for run in runs}
        assert len(values) == 1, key
    assert {tuple(run['conditions']) for run in runs} == {CONDITIONS}


@pytest.mark.parametrize('columns', [ABLATION_COLUMNS, AUDIO_COLUMNS],
                         ids=['ablation', 'audio'])
def test_the_docs_show_them(columns, found):
    assert format_ablation(ROWS, found, columns) in TEXT


def test_the_docs_show_the_longer_runs():
    rows = [row for row in ROWS if row.name in ('full', 'without-text')]
    results = collect(LONGER, rows)
    assert {run['iterations'] for runs in results.values()
            for run in runs} == {3200}
    assert format_ablation(rows, results) in TEXT
