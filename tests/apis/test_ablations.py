# Copyright (c) mmteso contributors. All rights reserved.
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from narrow import CONFIGS

from mmteso.apis.ablation_state import config_hash
from mmteso.apis.ablation_tables import format_ablation, spread
from mmteso.apis.ablations import (CONDITIONS, Bench, Row, collect, pretrain,
                                   read_result, read_rows, run_row)
from mmteso.testbeds.synthavs.files import GENERATOR_VERSION

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
    drop_percent={}, metrics=['J per frame'], reference='snr',
    listening_score=dict(J=55.0))
json.dump(report, open(args[args.index('--audio-out') + 1], 'w'))
"""
CONFIG = """
model = dict(type='A', width={width})
train_dataloader = dict(batch_size=2)
test_dataloader = dict(batch_size=2)
optim_wrapper = dict(lr=1)
param_scheduler = []
train_cfg = dict(max_iters=7)
load_from = 'work_dirs/start.pth'
"""


@pytest.fixture
def bench(tmp_path):
    for folder in ('configs', 'tools'):
        (tmp_path / folder).mkdir()
    (tmp_path / 'tools' / 'train.py').write_text(TRAIN)
    (tmp_path / 'tools' / 'test.py').write_text(TEST)
    # here, since importing torch is what would take the stand-ins long
    torch.save(
        dict(state_dict=dict(w=torch.ones(2)), optimizer=1),
        tmp_path / 'tools' / 'trained.pth')
    (tmp_path / 'starts').mkdir()
    (tmp_path / 'starts' / 'start.pth').write_bytes(b'weights')
    for width, name in enumerate(('full', 'less', 'pretrain')):
        (tmp_path / 'configs' / f'{name}.py').write_text(
            CONFIG.format(width=width))
    folders = ('configs', 'work', 'results', 'tools', 'starts')
    return Bench(*(str(tmp_path / name) for name in folders))


FULL, LESS = Row('full', 'all of it', (66.02, 80.1)), Row('less', 'less')


# ------------------------------------------------------------------- rows
def test_the_projects_rows():
    """Each has both configs, but those that only SynthAVS can have."""
    rows = read_rows(str(CONFIGS / 'ablations' / 'rows.yml'))
    names = [row.name for row in rows]
    assert len(set(names)) == len(names) and names[0] == 'full'
    configs = {
        bench: {path.stem
                for path in (CONFIGS / 'ablations' / bench).glob('*.py')}
        for bench in ('synthavs', 'v1m')
    }
    stages = {'pretrain', 'pretrain-binary'}
    assert set(names) == configs['synthavs'] - stages
    # on V1M these two are configs/teso/teso_swin-b_v1m.py and teso-cue_...
    elsewhere = {'full', 'cue-loss'}
    own = {name for name in names if not name.startswith('no-silent')}
    assert configs['v1m'] == own - elsewhere
    # table 6 of the paper, and the baseline of its table 4
    paper = {row.name: row.paper for row in rows if row.paper}
    assert len(paper) == 9
    assert paper['without-audio'] == (42.11, 69.2)
    assert paper['label-filter'] == (64.15, None)


def test_rows_are_chosen_by_name(tmp_path):
    path = tmp_path / 'rows.yml'
    path.write_text('- {name: a, title: A, paper: [1, null]}\n'
                    '- {name: b, title: B}\n')
    assert read_rows(str(path)) == [Row('a', 'A', (1, None)), Row('b', 'B')]
    assert read_rows(str(path), ['b']) == [Row('b', 'B')]
    with pytest.raises(ValueError, match=r"no rows \['c'\].*\['a', 'b'\]"):
        read_rows(str(path), ['b', 'c'])


# ------------------------------------------------------------------- runs
def test_a_run_leaves_its_result(bench):
    assert not bench.is_done(FULL, 0)
    result = run_row(bench, FULL, 0, threads=1)
    assert bench.is_done(FULL, 0) and not bench.is_done(FULL, 1)
    assert result == read_result(bench.result_path(FULL, 0))
    assert tuple(result['conditions']) == CONDITIONS
    assert result['iterations'] == 7 and result['seed'] == 0
    assert result['best'] == 'best_J_iter_7.pth'
    assert result['listening_score'] == dict(J=55)
    assert result['config_hash'] == bench.config_hash(FULL)
    # no path of the machine
    assert bench.work_dir not in Path(bench.result_path(FULL,
                                                        0)).read_text()


def test_a_run_begins_from_the_start_in_its_folder(bench):
    result = run_row(bench, FULL, 0, threads=1)
    start = Path(bench.starts, 'start.pth')
    assert result['start'] == 'start.pth'
    assert result['start_sha256'] == hashlib.sha256(
        start.read_bytes()).hexdigest()[:16]
    log = Path(bench.work_dir, 'full', 'seed0', 'log.txt').read_text()
    assert f'load_from={start}' in log


def test_a_run_gets_seed_and_options(bench):
    bench = replace(bench, options=('train_cfg.max_iters=3', ))
    run_row(bench, LESS, 4, threads=1)
    log = Path(bench.work_dir, 'less', 'seed4', 'log.txt').read_text()
    assert ('trained with --cfg-options train_cfg.max_iters=3 '
            'randomness.seed=4 ') in log
    assert bench.is_done(LESS, 4)


def test_an_interrupted_run_begins_anew(bench):
    folder = Path(bench.work_dir, 'full', 'seed0')
    folder.mkdir(parents=True)
    torch.save({}, folder / 'best_J_iter_3.pth')
    assert run_row(bench, FULL, 0, threads=1)['best'] == 'best_J_iter_7.pth'


def test_a_failing_tool_is_named_with_its_log(bench):
    Path(bench.tools,
         'test.py').write_text('print("why"); raise SystemExit(3)')
    with pytest.raises(RuntimeError, match=r'test\.py .* status 3.*log\.txt'):
        run_row(bench, FULL, 0, threads=1)
    assert 'why' in Path(bench.work_dir, 'full', 'seed0',
                         'log.txt').read_text()
    assert not bench.is_done(FULL, 0)


def test_a_run_is_not_taken_up_with_another_config(bench):
    run_row(bench, FULL, 0, threads=1)
    path = Path(bench.configs, 'full.py')
    text = path.read_text()
    path.write_text(text + 'visualizer = dict()\n')
    assert bench.is_done(FULL, 0)
    for change in ('model.update(width=5)', "val_evaluator = dict(type='B')",
                   'test_dataloader = dict(batch_size=3)',
                   "default_hooks = dict(checkpoint=dict(save_best='F'))"):
        path.write_text(f'{text}{change}\n')
        with pytest.raises(ValueError, match='another state of'):
            bench.is_done(FULL, 0)
        # a table of records is as it was
        assert len(collect(bench, [FULL])['full']) == 1


def test_a_result_with_other_conditions_is_refused(bench):
    run_row(bench, FULL, 0, threads=1)
    path = Path(bench.result_path(FULL, 0))
    result = json.loads(path.read_text())
    del result['conditions']['off-screen']
    path.write_text(json.dumps(result))
    with pytest.raises(ValueError, match='audio conditions'):
        bench.is_done(FULL, 0)


def use_synthavs(bench, name, version=GENERATOR_VERSION):
    """Let a config read a folder with a manifest of SynthAVS."""
    folder = Path(bench.starts, 'synthavs')
    folder.mkdir(exist_ok=True)
    (folder / 'synthavs.json').write_text(
        json.dumps(
            dict(generator_version=version, arguments=dict(videos=4))))
    path = Path(bench.configs, f'{name}.py')
    path.write_text(
        path.read_text() +
        f'val_dataloader = dict(dataset=dict(data_root={str(folder)!r},\n'
        '                                   pipeline=[]))\n'
        'train_dataloader = test_dataloader = val_dataloader\n')
    return str(folder)


def test_a_result_of_older_data_is_refused(bench, monkeypatch):
    folder = use_synthavs(bench, 'full')
    result = run_row(bench, FULL, 0, threads=1)
    assert result['data'] == {
        folder:
        dict(generator_version=GENERATOR_VERSION, arguments=dict(videos=4))
    }
    assert bench.is_done(FULL, 0)
    monkeypatch.setattr('mmteso.apis.ablations.GENERATOR_VERSION',
                        GENERATOR_VERSION + 1)
    with pytest.raises(ValueError, match='older version of SynthAVS'):
        bench.is_done(FULL, 0)


def test_a_model_is_tested_again(bench):
    first = run_row(bench, FULL, 1, threads=1)
    path = Path(bench.tools, 'test.py')
    path.write_text(path.read_text().replace('80 - 9', '70 - 9'))
    Path(bench.tools, 'train.py').unlink()
    config = Path(bench.configs, 'full.py')
    text = config.read_text()
    config.write_text(text + 'test_dataloader = dict(batch_size=3)\n')
    second = run_row(bench, FULL, 1, threads=1, retest=True)
    assert second == read_result(bench.result_path(FULL, 1))
    assert (first['conditions']['normal']['J'],
            second['conditions']['normal']['J']) == (83, 73)
    assert first['seconds']['train'] == second['seconds']['train']
    assert first['config_hash'] != second['config_hash']
    config.write_text(text + 'val_dataloader = dict(batch_size=3)\n')
    with pytest.raises(ValueError, match='train it again'):
        run_row(bench, FULL, 1, threads=1, retest=True)


def test_config_hash_sees_options():
    cfg = Config(dict(model=dict(a=1)))
    assert config_hash(cfg) == config_hash(Config(dict(model=dict(a=1))))
    assert config_hash(cfg) != config_hash(Config(dict(model=dict(a=2))))
    assert config_hash(cfg) != config_hash(cfg, ['train_cfg.max_iters=3'])


def test_pretraining_is_done_once(bench):
    target = Path(bench.starts, 'pretrain.pth')
    # what the rows are told is not for it
    bench = replace(bench, options=('train_cfg.max_iters=3', ))
    pretrain(bench, 'pretrain', threads=1)
    weights = torch.load(target, weights_only=True)
    assert list(weights) == ['state_dict']
    # a stage begins from the one before, in the same folder
    log = Path(bench.starts, 'pretrain', 'log.txt').read_text()
    assert f'load_from={Path(bench.starts, "start.pth")}' in log
    assert 'max_iters' not in log
    before = target.stat().st_mtime_ns
    Path(bench.tools, 'train.py').unlink()
    pretrain(bench, 'pretrain', threads=1)
    assert target.stat().st_mtime_ns == before


def test_weights_of_another_pretraining_are_refused(bench):
    use_synthavs(bench, 'pretrain')
    pretrain(bench, 'pretrain', threads=1)
    path = Path(bench.configs, 'pretrain.py')
    text = path.read_text()
    path.write_text(text + 'train_cfg = dict(max_iters=3)\n')
    with pytest.raises(ValueError, match="not of today's"):
        pretrain(bench, 'pretrain', threads=1)
    path.write_text(text)
    use_synthavs(bench, 'pretrain', GENERATOR_VERSION + 1)
    with pytest.raises(ValueError, match="not of today's"):
        pretrain(bench, 'pretrain', threads=1)
    Path(bench.starts, 'pretrain.json').unlink()
    with pytest.raises(ValueError, match="not of today's"):
        pretrain(bench, 'pretrain', threads=1)


# ------------------------------------------------------------------ table
def test_table(bench):
    for row, seed in ((FULL, 0), (FULL, 1), (LESS, 0)):
        run_row(bench, row, seed, threads=1)
    missing = Row('other', 'not run yet')
    results = collect(bench, [FULL, LESS, missing])
    assert [run['seed'] for run in results['full']] == [0, 1]
    assert list(results) == ['full', 'less']
    columns = (('J', ('conditions', 'normal', 'J')),
               ('kept', ('conditions', 'normal', 'cues/sounding_kept')))
    lines = format_ablation([FULL, LESS, missing], results,
                            columns).splitlines()
    assert lines == [
        '| row | paper, V1M: J / F | J | kept | seeds |',
        '| --- | ---: | ---: | ---: | ---: |',
        # mean and standard deviation of 80 and 83
        '| all of it | 66.02 / 80.10 | 81.5 ± 2.1 | - | 2 |',
        '| less | - | 80.0 | - | 1 |', '', 'J per frame'
    ]


def test_spread():
    assert spread([1.0, 2.0, 3.0]) == '2.0 ± 1.0'
    assert spread([5.04]) == '5.0'


def test_results_of_different_starts_are_not_compared(bench, tmp_path):
    run_row(bench, FULL, 0, threads=1)
    (tmp_path / 'starts' / 'start.pth').write_bytes(b'others')
    run_row(bench, LESS, 0, threads=1)
    with pytest.raises(ValueError, match=r'different start\.pth'):
        collect(bench, [FULL, LESS])


def test_rows_that_begin_with_random_weights(bench):
    """No start, in the options neither; such results go together."""
    for row in (FULL, LESS):
        path = Path(bench.config_path(row))
        path.write_text(path.read_text().replace("'work_dirs/start.pth'",
                                                 'None'))
    result = run_row(bench, FULL, 0, threads=1)
    run_row(bench, LESS, 0, threads=1)
    assert result['start'] is None and result['start_sha256'] is None
    log = Path(bench.work_dir) / 'full' / 'seed0' / 'log.txt'
    assert 'load_from' not in log.read_text()
    assert set(collect(bench, [FULL, LESS])) == {'full', 'less'}


def test_a_table_without_the_papers_rows(bench):
    run_row(bench, LESS, 0, threads=1)
    columns = (('J', ('conditions', 'normal', 'J')), )
    header, *_ = format_ablation([LESS], collect(bench, [LESS]),
                                 columns).splitlines()
    assert header == '| row | J | seeds |'
