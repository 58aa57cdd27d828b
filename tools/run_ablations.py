# Copyright (c) mmteso contributors. All rights reserved.
"""Train and test all rows of a table on a testbed; print the table.

    python tools/run_ablations.py
    python tools/run_ablations.py --bench combinations
    python tools/run_ablations.py --bench cutouts

The benches are the ablation, the combinations with other decode heads and
backbones of mmseg, both on SynthAVS, and the rows on cutouts. Every finished
run leaves a JSON file in --results, and a run whose file is there is not
repeated: an interrupted call is taken up where it stopped. The data sets and
the pretrained visual model are made when they are missing. --record puts the
runs into the bench's record, a file of docs/, from which --table prints the
tables of the documents.
"""
import argparse
import os
import os.path as osp
from types import SimpleNamespace
from typing import Optional

ROOT = osp.dirname(osp.dirname(osp.abspath(__file__)))
# Columns of the tables: title, and name of the score.
ABLATION_COLUMNS = (
    ('J', 'normal/J'),
    ('F', 'normal/F'),
    ('J_part', 'normal/J_part'),
    ('J seen', 'normal/J@test'),
    ('J unseen', 'normal/J@test_unseen'),
    ('J_part unseen', 'normal/J_part@test_unseen'),
    ('cues kept, %: sounding', 'normal/cues/sounding_kept'),
    ('silent', 'normal/cues/silent_kept'),
    ('J under mute', 'mute/J'),
    ('off-screen', 'off-screen/J'),
)
AUDIO_COLUMNS = (
    ('J: normal', 'normal/J'),
    ('mute', 'mute/J'),
    ('wgn-10db', 'wgn-10db/J'),
    ('wgn-40db', 'wgn-40db/J'),
    ('off-screen', 'off-screen/J'),
    ('drop of J, %: mute', 'drop_percent/mute/J'),
    ('off-screen', 'drop_percent/off-screen/J'),
    ('F: normal', 'normal/F'),
    ('mute', 'mute/F'),
    ('off-screen', 'off-screen/F'),
    # the share of the pixels that are called sounding
    ('FPR, %: mute', 'mute/foreground'),
    ('wgn-10db', 'wgn-10db/foreground'),
    ('off-screen', 'off-screen/foreground'),
    ('listening score', 'listening_score'),
)
COMBINATION_COLUMNS = (
    ('J: normal', 'normal/J'),
    ('mute', 'mute/J'),
    ('wgn-10db', 'wgn-10db/J'),
    ('off-screen', 'off-screen/J'),
    ('J_part', 'normal/J_part'),
    ('F: normal', 'normal/F'),
    ('mute', 'mute/F'),
    ('FPR, %: mute', 'mute/foreground'),
    ('off-screen', 'off-screen/foreground'),
    ('listening score', 'listening_score'),
    ('seconds of training', 'seconds/train'),
)
CUTOUTS_COLUMNS = (
    ('test: J', 'normal/J@test'),
    ('J_part', 'normal/J_part@test'),
    ('F', 'normal/F@test'),
    ('test_exemplar: J', 'normal/J@test_exemplar'),
    ('J_part', 'normal/J_part@test_exemplar'),
    ('test_unseen: J', 'normal/J@test_unseen'),
    ('J_part', 'normal/J_part@test_unseen'),
    ('cues kept, %, test: sounding', 'normal/cues/sounding_kept@test'),
    ('silent', 'normal/cues/silent_kept@test'),
    ('test_unseen: sounding', 'normal/cues/sounding_kept@test_unseen'),
    ('silent', 'normal/cues/silent_kept@test_unseen'),
)
CUTOUTS_AUDIO_COLUMNS = (
    ('test, J: normal', 'normal/J@test'),
    ('mute', 'mute/J@test'),
    ('wgn-10db', 'wgn-10db/J@test'),
    ('wgn-40db', 'wgn-40db/J@test'),
    ('off-screen', 'off-screen/J@test'),
    ('FPR, %: mute', 'mute/foreground@test'),
    ('wgn-10db', 'wgn-10db/foreground@test'),
    ('off-screen', 'off-screen/foreground@test'),
    ('test_exemplar, J: off-screen', 'off-screen/J@test_exemplar'),
    ('test_unseen, J: mute', 'mute/J@test_unseen'),
    ('off-screen', 'off-screen/J@test_unseen'),
    ('listening score', 'listening_score'),
)
BENCHES = dict(
    ablations=SimpleNamespace(
        rows='configs/ablations/rows.yml',
        configs='configs/ablations/synthavs',
        work_dir='work_dirs/ablations/synthavs',
        record='docs/ablations/synthavs.json',
        seeds=3,
        # one after the other; the rows start from them
        pretraining=('pretrain', 'pretrain-binary'),
        data={
            'data/synthavs-hard': ('synthavs', '--variant', 'hard'),
            'data/synthavs-hard-no-silent':
            ('synthavs', '--variant', 'hard', '--train-silent', '0'),
            'data/synthavs-hard-pretrain':
            ('synthavs', '--variant', 'hard', '--videos', '3900', '--frames',
             '1', '--seed', '1')
        },
        tables={
            '': ABLATION_COLUMNS,
            'Under other sounds': AUDIO_COLUMNS
        }),
    combinations=SimpleNamespace(
        rows='configs/combinations/rows.yml',
        configs='configs/combinations',
        work_dir='work_dirs/combinations',
        record='docs/combinations/synthavs.json',
        seeds=1,
        pretraining=(),
        data={'data/synthavs': ('synthavs', )},
        tables={'': COMBINATION_COLUMNS}),
    cutouts=SimpleNamespace(
        rows='configs/ablations/cutouts/rows.yml',
        configs='configs/ablations/cutouts',
        work_dir='work_dirs/ablations/cutouts',
        record='docs/ablations/cutouts.json',
        seeds=3,
        pretraining=('pretrain', ),
        data={
            'data/cutouts': ('cutouts', '--fetch'),
            'data/cutouts-pretrain':
            ('cutouts', '--fetch', '--videos', '6400', '--frames', '1',
             '--seed', '1')
        },
        tables={
            '': CUTOUTS_COLUMNS,
            'Under other sounds': CUTOUTS_AUDIO_COLUMNS
        }))

# Of cutouts: the cue bank with meaning, and the backbone trained on ImageNet.
CUE_BANK = 'data/cutouts/cue_bank_minilm.safetensors'
BACKBONE = 'checkpoints/efficientnet-lite0.safetensors'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Train and test the rows of a table on a testbed (not '
        'AVSBench), run by run, and print the table.')
    parser.add_argument(
        '--bench',
        choices=list(BENCHES),
        default='ablations',
        help='which table (default: %(default)s)')
    parser.add_argument(
        '--rows',
        nargs='+',
        metavar='ROW',
        help='names in rows.yml of the bench; default: all of them')
    parser.add_argument(
        '--seeds',
        type=int,
        help='seeds of each row: 0, 1, ... (default: 3, of the combinations '
        '1)')
    parser.add_argument(
        '--jobs',
        type=int,
        default=1,
        help='runs at the same time, which share the CPU cores (default: 1)')
    parser.add_argument(
        '--threads',
        type=int,
        help='threads of a run and of what all runs start from; default: the '
        'cores divided by --jobs, for the start all of them. '
        'Another number rounds differently, which moves a result about as '
        'far as another seed')
    parser.add_argument(
        '--work-dir', help='folder for checkpoints and logs; the bench\'s own '
        'in work_dirs by default')
    parser.add_argument(
        '--results',
        help='folder for the results; default: results in --work-dir')
    parser.add_argument(
        '--starts',
        help='folder of the pretrained weights that all rows start from; made '
        'when they are missing (default: the bench\'s work_dirs)')
    parser.add_argument(
        '--prepare',
        action='store_true',
        help='make the data and what all rows start from, no runs')
    parser.add_argument(
        '--retest',
        action='store_true',
        help='test the models of finished runs again, train nothing: for '
        'when the tests have changed')
    parser.add_argument(
        '--table',
        nargs='?',
        const='',
        metavar='RECORD',
        help='run nothing: print the tables of a record or of a folder of '
        'results (default: the bench\'s record)')
    parser.add_argument(
        '--record',
        nargs='?',
        const='',
        metavar='RECORD',
        help='run nothing: put what is in --results into a record (default: '
        'the bench\'s), and print its tables')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='further settings of all rows, as of tools/train.py, not of '
        'what they start from; keep what comes of it apart (--work-dir)')
    args = parser.parse_args()
    settings = BENCHES[args.bench]
    args.seeds = settings.seeds if args.seeds is None else args.seeds
    if args.seeds < 1 or args.jobs < 1:
        parser.error('--seeds and --jobs must be at least 1')
    args.starts = args.starts or settings.work_dir
    args.work_dir = args.work_dir or settings.work_dir
    args.results = args.results or osp.join(args.work_dir, 'results')
    return args


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmengine.config import Config

from mmteso.analysis.ablation import (Bench, make_runs, open_runs, pretrain,
                                      run_tool)
from mmteso.analysis.frames import references
from mmteso.analysis.records import (format_runs, read_rows, read_runs,
                                     write_record)


def prepare(name: str, bench: Bench, threads: Optional[int]) -> None:
    """Make data and visual start, where they are missing."""
    settings = BENCHES[name]
    for folder, (testbed, *options) in settings.data.items():
        run_tool(f'tools/dataset_converters/prepare_{testbed}.py', folder,
                 '--reuse', *options)
    if name == 'cutouts' and not osp.exists(CUE_BANK):
        run_tool('tools/extract_text_features.py',
                 'configs/text_features/all-minilm-l6-v2.py', '--classes',
                 'data/cutouts/label2idx.json', '--out', CUE_BANK)
    if name == 'cutouts' and not osp.exists(BACKBONE):
        run_tool('tools/model_converters/efficientnet_lite_to_mmdet.py',
                 BACKBONE)
    for stage in settings.pretraining:
        pretrain(bench, stage, threads or os.cpu_count() or 1)


def main() -> None:
    # paths in the configs are relative to the repository
    os.chdir(ROOT)
    args = parse_args()
    settings = BENCHES[args.bench]
    try:
        rows = read_rows(settings.rows, args.rows)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    bench = Bench(
        settings.configs,
        args.work_dir,
        args.results,
        starts=args.starts,
        options=tuple(args.cfg_options))
    source = args.results
    if args.table is not None:
        source = args.table or settings.record
    elif args.record is not None:
        source = args.record or settings.record
        write_record(
            read_runs(args.results), source, {
                score
                for columns in settings.tables.values()
                for _, score in columns
            })
    else:
        todo = open_runs(bench, rows, args.seeds, args.retest)
        if todo or args.prepare:
            prepare(args.bench, bench, args.threads)
        if args.prepare:
            return
        if todo:
            make_runs(bench, todo, args.jobs, args.threads, args.retest)
    runs = read_runs(source)
    for title, columns in settings.tables.items():
        if title:
            print(f'\n{title}:\n')
        print(format_runs(rows, runs, columns))
    test_set = Config.fromfile(bench.config_path(rows[0].name))
    if osp.isdir(test_set.data_root):
        print('\nWithout a model:')
        for name, scores in references(test_set).items():
            print(f'  {name}: J {scores["J"]:.1f}, '
                  f'J_part {scores["J_part"]:.1f}')


if __name__ == '__main__':
    main()
