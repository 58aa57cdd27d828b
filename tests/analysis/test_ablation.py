# Copyright (c) mmteso contributors. All rights reserved.
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from narrow import CONFIGS

from mmteso.analysis.ablation import (Bench, make_runs, open_runs, pretrain,
                                      run_row)
from mmteso.analysis.records import (Row, format_runs, read_rows, read_runs,
                                     write_record)
from mmteso.choices import AUDIO_CONDITIONS

# Stand-ins for tools/train.py and tools/test.py: what they leave behind.
TRAIN = """
import os.path, shutil, sys
config, folder = sys.argv[1], sys.argv[3]
print('trained with', *sys.argv[4:])
shutil.copy(config, folder)
for name in ('best_J_iter_7.pth', 'iter_7.pth'):
    shutil.copy(os.path.join(os.path.dirname(sys.argv[0]), 'trained.pth'),
                os.path.join(folder, name))
"""
TEST = """
import json, os, sys
args = sys.argv
# its config takes the place of the training's
folder = args[args.index('--work-dir') + 1]
with open(os.path.join(folder, os.path.basename(args[1])), 'a') as file:
    print(f'load_from = {args[2]!r}', file=file)
names = args[args.index('--audio') + 1:args.index('--audio-out')]
seed = 3.0 * ('seed1' in args[2])
report = dict(
    conditions={name: dict(J=80 - 9 * i + seed, F=90.0, J_sounding=70.0)
                for i, name in enumerate(names)},
    drop_percent={}, metrics=['AVSMetric: J per frame', 'Other: no'],
    reference='snr', listening_score=dict(J=55.0))
json.dump(report, open(args[args.index('--audio-out') + 1], 'w'))
"""
CONFIG = """
model = dict(type='A')
train_dataloader = dict(dataset=dict(data_root={data!r}, pipeline=[]))
test_dataloader = train_dataloader
train_cfg = dict(max_iters=7)
load_from = 'work_dirs/start.pth'
"""
FULL, LESS = Row('full', 'all of it', [66.02, None]), Row('less', 'less')
COLUMNS = (('J', 'normal/J'), ('kept', 'normal/cues/sounding_kept'))


@pytest.fixture
def bench(tmp_path):
    for folder in ('configs', 'tools', 'starts', 'data'):
        (tmp_path / folder).mkdir()
    (tmp_path / 'tools' / 'train.py').write_text(TRAIN)
    (tmp_path / 'tools' / 'test.py').write_text(TEST)
    # here, since importing torch is what would take the stand-ins long
    torch.save(dict(state_dict=dict(w=torch.ones(2)), optimizer=1),
               tmp_path / 'tools' / 'trained.pth')
    (tmp_path / 'starts' / 'start.pth').write_bytes(b'weights')
    (tmp_path / 'data' / 'synthavs.json').write_text(
        json.dumps(dict(generator_version=3, arguments=dict(videos=4))))
    for name in ('full', 'less', 'pretrain'):
        (tmp_path / 'configs' / f'{name}.py').write_text(
            CONFIG.format(data=str(tmp_path / 'data')))
    folders = ('configs', 'work', 'results', 'starts')
    return Bench(*(str(tmp_path / name) for name in folders),
                 tools=str(tmp_path / 'tools'))


def log_of(bench, row, seed):
    return Path(bench.work_dir, row, f'seed{seed}', 'log.txt').read_text()


def test_a_run_leaves_its_result(bench):
    """What it is of, and the report; no path of the machine."""
    start = Path(bench.starts, 'start.pth')
    bench = replace(bench, options=('train_cfg.max_iters=3', ))
    result = run_row(bench, FULL, 4, threads=1)
    path = Path(bench.result_path(FULL, 4))
    assert json.loads(path.read_text()) == result
    assert tuple(result['conditions']) == AUDIO_CONDITIONS
    for key, value in dict(
            row='full', seed=4, iterations=7, best='best_J_iter_7.pth',
            start='start.pth', listening_score=dict(J=55),
            start_sha256=hashlib.sha256(start.read_bytes()).hexdigest()[:16],
            data={
                str(start.parents[1] / 'data'):
                dict(generator_version=3, arguments=dict(videos=4))
            }).items():
        assert result[key] == value
    assert result['command'].endswith(
        '--cfg-options train_cfg.max_iters=3 randomness.seed=4')
    assert result['date'] and result['commit']
    assert bench.work_dir not in path.read_text()
    assert (f'--cfg-options train_cfg.max_iters=3 randomness.seed=4 '
            f'load_from={start}') in log_of(bench, 'full', 4)


def test_an_interrupted_call_is_taken_up(bench):
    folder = Path(bench.work_dir, 'full', 'seed1')
    folder.mkdir(parents=True)
    torch.save({}, folder / 'best_J_iter_3.pth')  # was interrupted
    run_row(bench, FULL, 0, threads=1)
    todo = open_runs(bench, [FULL, LESS], 2)
    assert todo == [(LESS, 0), (FULL, 1), (LESS, 1)]
    make_runs(bench, todo, jobs=2)
    assert not open_runs(bench, [FULL, LESS], 2)
    runs = read_runs(bench.results)
    assert [(run['row'], run['seed']) for run in runs] == [
        ('full', 0), ('full', 1), ('less', 0), ('less', 1)]
    assert runs[1]['best'] == 'best_J_iter_7.pth'


def test_a_failing_tool_is_named_with_its_log(bench):
    Path(bench.tools,
         'test.py').write_text('print("why"); raise SystemExit(3)')
    with pytest.raises(RuntimeError, match=r'test\.py .* status 3.*log\.txt'):
        make_runs(bench, [(FULL, 0)])
    assert 'why' in log_of(bench, 'full', 0)
    assert open_runs(bench, [FULL], 1) == [(FULL, 0)]


def test_a_model_is_tested_again(bench):
    first = run_row(bench, FULL, 1, threads=1)
    path = Path(bench.tools, 'test.py')
    path.write_text(path.read_text().replace('80 - 9', '70 - 9'))
    Path(bench.tools, 'train.py').unlink()
    assert open_runs(bench, [FULL], 2, retest=True) == [(FULL, 1)]
    second = run_row(bench, FULL, 1, threads=1, retest=True)
    assert (first['conditions']['normal']['J'],
            second['conditions']['normal']['J']) == (83, 73)
    for key in ('command', 'start_sha256', 'row', 'seed'):
        assert first[key] == second[key]
    assert first['seconds']['train'] == second['seconds']['train']


def test_pretraining_is_done_once(bench):
    # what the rows are told is not for it
    bench = replace(bench, options=('train_cfg.max_iters=3', ))
    pretrain(bench, 'pretrain', threads=1)
    target = Path(bench.starts, 'pretrain.pth')
    assert list(torch.load(target, weights_only=True)) == ['state_dict']
    # a stage begins from the one before, in the same folder
    log = Path(bench.starts, 'pretrain', 'log.txt').read_text()
    assert f'load_from={Path(bench.starts, "start.pth")}' in log
    assert 'max_iters' not in log
    Path(bench.tools, 'train.py').unlink()
    pretrain(bench, 'pretrain', threads=1)


def test_table(bench):
    make_runs(bench, [(FULL, 0), (FULL, 1), (LESS, 0)])
    runs = read_runs(bench.results)
    text = format_runs([FULL, LESS, Row('other', 'no run yet')], runs, COLUMNS)
    cells = [[cell.strip() for cell in line.split('|')[1:-1]]
             for line in text.splitlines()]
    assert cells[0] == ['row', 'paper, V1M: J / F', 'J', 'kept', 'seeds']
    # mean and standard deviation of 80 and 83
    assert cells[2:4] == [['all of it', '66.02 / -', '81.5 ± 2.1', '-', '2'],
                          ['less', '-', '80.0', '-', '1']]
    assert text.splitlines()[4:] == ['', 'AVSMetric: J per frame']
    assert 'paper' not in format_runs([LESS], runs, COLUMNS)


def test_a_record_holds_what_the_tables_show(bench, tmp_path):
    make_runs(bench, [(FULL, 0), (FULL, 1)])
    path = str(tmp_path / 'docs' / 'record.json')
    runs = read_runs(bench.results)
    scores = [score for _, score in COLUMNS]
    write_record(runs, path, scores)
    assert format_runs([FULL], read_runs(path), COLUMNS) == \
        format_runs([FULL], runs, COLUMNS)
    assert set(read_runs(path)[0]['scores']) == {'normal/J'}
    found = read_runs(path)[1]
    for key in ('row', 'seed', 'commit', 'date', 'start_sha256', 'data'):
        assert found[key] == runs[1][key]
    # what all runs share stands there once
    assert Path(path).read_text().count('start.pth') == 1
    # a run replaces that of its seed
    runs[1]['scores']['normal/J'] = 1.
    write_record(runs[1:], path, scores)
    assert [run['scores']['normal/J'] for run in read_runs(path)] == [80, 1]


@pytest.mark.parametrize('changed', ['start', 'data'])
def test_results_that_can_not_be_compared(bench, tmp_path, changed):
    run_row(bench, FULL, 0, threads=1)
    if changed == 'start':
        (tmp_path / 'starts' / 'start.pth').write_bytes(b'others')
    else:
        (tmp_path / 'data' / 'synthavs.json').write_text(
            json.dumps(dict(generator_version=4, arguments={})))
    run_row(bench, LESS, 0, threads=1)
    for use in (lambda runs: format_runs([FULL, LESS], runs, COLUMNS),
                lambda runs: write_record(runs, str(tmp_path / 'x'), [])):
        with pytest.raises(ValueError, match='less, seed 0 is of another'):
            use(read_runs(bench.results))


def test_the_projects_rows():
    """Each has its config, on V1M too where that is possible."""
    rows = read_rows(str(CONFIGS / 'ablations' / 'rows.yml'))
    names = [row.name for row in rows]
    configs = {
        bench: {path.stem
                for path in (CONFIGS / 'ablations' / bench).glob('*.py')}
        for bench in ('synthavs', 'v1m')}
    assert set(names) == configs['synthavs'] - {'pretrain', 'pretrain-binary'}
    # on V1M these two are configs/teso/teso_swin-b_v1m.py and teso-cue_...
    assert configs['v1m'] == {
        name for name in names
        if not name.startswith('no-silent')} - {'full', 'cue-loss'}
    with pytest.raises(ValueError, match=r"no rows \['c'\]"):
        read_rows(str(CONFIGS / 'ablations' / 'rows.yml'), ['full', 'c'])
