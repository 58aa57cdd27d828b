# Copyright (c) mmteso contributors. All rights reserved.
"""Test a segmentor; the options are those of mmsegmentation's test.py.

``--audio normal mute wgn-10db wgn-40db`` tests it under several audio
conditions and prints one table.
"""
import argparse
import json
import os
import os.path as osp

from mmengine.config import Config, DictAction
from mmengine.dist import is_main_process
from mmengine.runner import Runner
from mmengine.utils import mkdir_or_exist
from mmseg.registry import RUNNERS

# registers everything; none of the above imports mmseg.models, which has to
# come after mmteso where mmcv has no compiled ops
import mmteso  # noqa: F401
from mmteso.audio import NOISE_REFERENCES
from mmteso.engine import (audio_condition_transform,
                           evaluate_audio_conditions, format_audio_report,
                           prepare_cpu_distributed)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Test (and evaluate) a segmentor')
    parser.add_argument('config', help='path of the config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--work-dir',
        help='folder for logs and results; default: work_dir in the config, '
        'else work_dirs/<name of the config>')
    parser.add_argument(
        '--out',
        help='folder for the predictions, for evaluating them offline; for '
        'metrics with `output_dir`, such as IoUMetric')
    parser.add_argument(
        '--show', action='store_true', help='show the predictions')
    parser.add_argument(
        '--show-dir', help='folder for images with the painted predictions')
    parser.add_argument(
        '--wait-time',
        type=float,
        default=2,
        help='seconds that each image is shown; default: 2')
    parser.add_argument(
        '--audio',
        nargs='+',
        metavar='CONDITION',
        help='audio conditions: normal, mute, or wgn-{level}db for white '
        'Gaussian noise in place of the sound, e.g. wgn-10db')
    parser.add_argument(
        '--audio-reference',
        choices=NOISE_REFERENCES,
        default='snr',
        help='what the level of the noise refers to; default: snr, noise '
        'that many dB below the sound that it replaces')
    parser.add_argument(
        '--audio-seed', type=int, default=0, help='of the noise; default: 0')
    parser.add_argument(
        '--audio-out', help='file for the table of --audio, as JSON')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override settings of the config, as key=value. A list is '
        'written key="[a,b]" or key=a,b; nested: key="[(a,b),(c,d)]", with '
        'quotation marks and without spaces')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what started several processes; default: none')
    parser.add_argument(
        '--tta', action='store_true', help='test-time augmentation')
    # torch.distributed.launch of torch >= 2.0 passes --local-rank
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    if args.audio is None and args.audio_out:
        parser.error('--audio-out needs --audio')
    if args.audio is not None:
        if args.out or args.show or args.show_dir:
            parser.error('--audio goes without --out, --show and --show-dir: '
                         'the conditions would overwrite each other')
        try:
            for condition in args.audio:
                audio_condition_transform(condition)
        except ValueError as error:
            parser.error(str(error))
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def turn_on_visualization(cfg: Config, args: argparse.Namespace) -> None:
    """Let the config's visualization hook draw."""
    hook = cfg.get('default_hooks', {}).get('visualization')
    if hook is None:
        raise SystemExit(
            '--show and --show-dir need a visualization hook in the config: '
            "default_hooks.visualization=dict(type='SegVisualizationHook')")
    hook['draw'] = True
    if args.show:
        hook['show'] = True
        hook['wait_time'] = args.wait_time
    if args.show_dir:
        cfg.visualizer['save_dir'] = args.show_dir


def use_tta(cfg: Config) -> None:
    """Replace model and test pipeline by those for augmented testing."""
    missing = [key for key in ('tta_model', 'tta_pipeline') if key not in cfg]
    if missing:
        raise SystemExit(f'--tta needs {" and ".join(missing)} in the config')
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
    cfg.tta_model.module = cfg.model
    cfg.model = cfg.tta_model


def save_predictions(cfg: Config, folder: str) -> None:
    """Let each metric that can write predictions do so."""
    evaluators = cfg.test_evaluator
    for metric in evaluators if isinstance(evaluators, (list, tuple)) else [
            evaluators
    ]:
        metric['output_dir'] = folder
        metric['keep_results'] = True


def main() -> None:
    args = parse_args()
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    # priority: command line, then config, then the config's name
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = osp.join(
            'work_dirs',
            osp.splitext(osp.basename(args.config))[0])
    cfg.load_from = args.checkpoint
    if args.show or args.show_dir:
        turn_on_visualization(cfg, args)
    if args.tta:
        use_tta(cfg)
    if args.out is not None:
        save_predictions(cfg, args.out)
    prepare_cpu_distributed(cfg)

    if args.audio is None:
        runner = (
            RUNNERS.build(cfg)
            if 'runner_type' in cfg else Runner.from_cfg(cfg))
        runner.test()
        return
    report = evaluate_audio_conditions(
        cfg,
        conditions=args.audio,
        reference=args.audio_reference,
        seed=args.audio_seed)
    report['config'] = args.config
    if is_main_process():
        print(format_audio_report(report))
        if args.audio_out:
            mkdir_or_exist(osp.dirname(osp.abspath(args.audio_out)))
            with open(args.audio_out, 'w', encoding='utf-8') as file:
                json.dump(report, file, indent=2)


if __name__ == '__main__':
    main()
