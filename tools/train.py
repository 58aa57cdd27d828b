# Copyright (c) mmteso contributors. All rights reserved.
"""Train a segmentor; the options are those of mmsegmentation's train.py."""
import argparse

from mmteso.command_line import (add_cfg_options, add_data_root,
                                 add_runner_options, existing_file)
from mmteso.cpu import (keep_freed_memory, log_idle_threads,
                        relax_idle_threads)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Train a segmentor')
    parser.add_argument(
        'config', type=existing_file, help='path of the config file')
    add_runner_options(parser)
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
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds
    relax_idle_threads()  # before torch is imported
    keep_freed_memory()

from mmteso.engine import (build_runner, enable_amp, explain_lost_process,
                           leave_cpu_distributed, prepare_cpu_distributed,
                           read_runner_config, resume_from_work_dir)


def main() -> None:
    args = parse_args()
    cfg = read_runner_config(args)
    if args.amp:
        enable_amp(cfg)
    # `resume=True` in the config or --cfg-options counts as well
    cfg.resume = args.resume or cfg.get('resume', False)
    if args.resume and 'load_from' not in (args.cfg_options or {}):
        resume_from_work_dir(cfg)
    log_idle_threads()
    prepare_cpu_distributed(cfg)
    build_runner(cfg).train()


if __name__ == '__main__':
    with explain_lost_process():
        main()
    leave_cpu_distributed()
