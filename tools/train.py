# Copyright (c) mmteso contributors. All rights reserved.
"""Train a segmentor; the options are those of mmsegmentation's train.py."""
import argparse
import os
import os.path as osp

from mmteso.command_line import add_cfg_options, add_data_root, existing_file
from mmteso.cpu import (keep_freed_memory, log_idle_threads,
                        relax_idle_threads)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Train a segmentor')
    parser.add_argument(
        'config', type=existing_file, help='path of the config file')
    parser.add_argument(
        '--work-dir',
        help='folder for logs and checkpoints; default: work_dir in the '
        'config, else work_dirs/<name of the config>')
    parser.add_argument(
        '--resume',
        action='store_true',
        help='go on from the latest checkpoint in the work dir, or, if '
        '--cfg-options gives load_from, from that one')
    parser.add_argument(
        '--amp',
        action='store_true',
        help='automatic mixed precision; on a CPU with bfloat16')
    add_data_root(parser)
    add_cfg_options(parser)
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what started several processes; default: none')
    # torch.distributed.launch of torch >= 2.0 passes --local-rank
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds
    relax_idle_threads()  # before torch is imported
    keep_freed_memory()

from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import RUNNERS

from mmteso.engine import (enable_amp, explain_lost_process,
                           leave_cpu_distributed, merge_cfg_options,
                           prepare_cpu_distributed, resume_from_work_dir,
                           set_data_root)


def main() -> None:
    args = parse_args()
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    set_data_root(cfg, args.data_root)
    merge_cfg_options(cfg, args.cfg_options)
    # priority: command line, then config, then the config's name
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = osp.join(
            'work_dirs',
            osp.splitext(osp.basename(args.config))[0])
    if args.amp:
        enable_amp(cfg)
    # `resume=True` in the config or --cfg-options counts as well
    cfg.resume = args.resume or cfg.get('resume', False)
    if args.resume and 'load_from' not in (args.cfg_options or {}):
        resume_from_work_dir(cfg)
    log_idle_threads()
    prepare_cpu_distributed(cfg)
    runner = (
        RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg))
    runner.train()


if __name__ == '__main__':
    with explain_lost_process():
        main()
    leave_cpu_distributed()
