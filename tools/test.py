# Copyright (c) mmteso contributors. All rights reserved.
"""Test a segmentor; the options are those of mmsegmentation's test.py.

``--audio normal mute wgn-10db wgn-40db off-screen`` tests it under several
audio conditions in one pass over the data and prints one table.

``--out DIR --cfg-options test_dataloader.dataset.with_masks=False`` predicts
clips without ground truth and scores nothing.
"""
import argparse
import inspect
import os.path as osp
from typing import Optional

from mmteso.choices import NOISE_REFERENCES, audio_condition_transform
from mmteso.command_line import (add_cfg_options, add_data_root,
                                 add_runner_options, existing_file)
from mmteso.cpu import log_idle_threads, relax_idle_threads


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Test (and evaluate) a segmentor')
    parser.add_argument(
        'config', type=existing_file, help='path of the config file')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='checkpoint file; none for models that bring their weights '
        '(ZeroShotAVS)')
    add_runner_options(parser)
    parser.add_argument(
        '--out',
        help='folder for the predictions, {subset}/{uid}/{frame}.png, for '
        'evaluating them offline. AVSMetric writes sounding-object masks, '
        'AVSSMetric class indices; if the config has several of them, each '
        'into a folder of its own, and so does each condition of --audio. Or '
        'a file, *.pkl, for scores and ground truth as well (DumpAVSResults); '
        'of several conditions *.{condition}.pkl. Clips '
        'without ground truth are predicted with --cfg-options '
        'test_dataloader.dataset.with_masks=False')
    parser.add_argument(
        '--show', action='store_true', help='show the predictions')
    parser.add_argument(
        '--show-dir',
        help='folder for images with the painted predictions, truth on the '
        'left: vis_data/vis_image/test_{subset}_{uid}_{frame}_0.png '
        'in it; under another sound test_{subset}_{uid}_{frame}_{condition}'
        '_0.png')
    parser.add_argument(
        '--wait-time',
        type=float,
        default=2,
        help='seconds that each image is shown; default: 2')
    parser.add_argument(
        '--audio',
        nargs='+',
        metavar='CONDITION',
        help='audio conditions: normal, mute, wgn-{level}db for white '
        'Gaussian noise in place of the sound, e.g. wgn-10db, or off-screen '
        'for the sound of another clip of the test set with other classes; '
        'each frame is read and looked at once')
    parser.add_argument(
        '--audio-reference',
        choices=NOISE_REFERENCES,
        help='what the level of the noise refers to; default: what an '
        'AudioControlLoop of the config says, else snr, noise that many dB '
        'below the sound that it replaces')
    parser.add_argument(
        '--audio-seed',
        type=int,
        help='of the noise and of the choice of off-screen clips; default: '
        "the config's, else 0")
    parser.add_argument(
        '--off-screen-groups',
        metavar='TABLE',
        help='off-screen sound from another broad group than the clip\'s own, '
        'as in AVSBench-Robust: avsbench (music, human, animal, device), or a '
        'YAML file with lists of classes by group; default: another class '
        'will do')
    parser.add_argument(
        '--audio-out',
        help='file for the table of --audio, as JSON; null: undefined')
    parser.add_argument(
        '--allow-keys',
        nargs='+',
        default=[],
        metavar='PATTERN',
        help='keys that the checkpoint may lack or have beyond the model, as '
        "a shell's patterns ('decode_head.pmqs.*'); default: none, it has to "
        'fit')
    add_data_root(parser)
    add_cfg_options(parser)
    parser.add_argument(
        '--tta', action='store_true', help='test-time augmentation')
    args = parser.parse_args()
    if args.audio is None and args.audio_out:
        parser.error('--audio-out needs --audio')
    if args.off_screen_groups and 'off-screen' not in (args.audio or ()):
        parser.error('--off-screen-groups needs --audio off-screen')
    if args.audio is not None:
        try:
            for condition in args.audio:
                audio_condition_transform(condition)
        except ValueError as error:
            parser.error(str(error))
    return args


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds
    relax_idle_threads()  # before torch is imported

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmseg.registry import METRICS, MODELS

from mmteso.engine import (build_runner, evaluate_audio_conditions,
                           explain_lost_process, format_audio_report,
                           leave_cpu_distributed, predict_without_masks,
                           prepare_cpu_distributed, read_runner_config,
                           require_whole_checkpoint)
from mmteso.engine.sound_steps import class_of, type_name
from mmteso.io import write_json


def turn_on_visualization(cfg: Config, args: argparse.Namespace) -> None:
    """Let the config's visualization hook draw."""
    hook = cfg.get('default_hooks', {}).get('visualization')
    if hook is None:
        raise SystemExit(
            '--show and --show-dir need a visualization hook in the config: '
            "default_hooks.visualization=dict(type='AVSVisualizationHook')")
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
    if type_name(cfg.tta_model) == 'SegTTAModel':
        raise SystemExit(
            "--tta: mmseg's SegTTAModel leaves sounding_score as the last "
            'view gives it, so J and F would be wrong. Use '
            "tta_model=dict(type='AVSTTAModel')")
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
    cfg.tta_model.module = cfg.model
    cfg.model = cfg.tta_model


def save_predictions(cfg: Config, folder: str) -> None:
    """Let each of our metrics that can write predictions do so.

    Several of them get folders '{position}_{type}' below ``folder``: their
    files have the same names. Metrics from elsewhere are left alone: mmseg's
    IoUMetric names its files after the image, so that every video would
    overwrite the last one's '0.png'. With a pickle file in place of the folder
    DumpAVSResults joins the metrics.
    """
    evaluators = cfg.test_evaluator
    if not isinstance(evaluators, (list, tuple)):
        evaluators = [evaluators]
    if folder.endswith(('.pkl', '.pickle')):
        cfg.test_evaluator = [
            *evaluators,
            dict(type='DumpAVSResults', out_file_path=folder)
        ]
        return
    writers = [(position, metric) for position, metric in enumerate(evaluators)
               if _writes_predictions(class_of(metric, METRICS))]
    if not writers:
        types = [str(metric['type']) for metric in evaluators]
        raise SystemExit(
            '--out needs a metric that writes predictions in the config: '
            f'AVSMetric or AVSSMetric in test_evaluator, but got {types}')
    for position, metric in writers:
        metric['output_dir'] = folder if len(writers) == 1 else osp.join(
            folder, f'{position}_{type_name(metric)}')


def _writes_predictions(metric: Optional[type]) -> bool:
    return (metric is not None and any(
        base.__module__.split('.')[0] == 'mmteso' for base in metric.__mro__)
            and 'output_dir' in inspect.signature(metric).parameters)


def main() -> None:
    args = parse_args()
    cfg = read_runner_config(args)
    if args.checkpoint is None and not getattr(
            class_of(cfg.model, MODELS), 'brings_weights', False):
        raise SystemExit('test.py needs a CHECKPOINT: '
                         f'{cfg.model["type"]} has no weights of its own')
    cfg.load_from = args.checkpoint
    if args.show or args.show_dir:
        turn_on_visualization(cfg, args)
    if args.tta:
        use_tta(cfg)
    if predict_without_masks(cfg) and not (args.out or args.show
                                           or args.show_dir):
        raise SystemExit('with_masks=False leaves nothing to score: say by '
                         '--out or --show-dir where predictions go')
    if args.out is not None:
        save_predictions(cfg, args.out)
    log_idle_threads()
    prepare_cpu_distributed(cfg)

    if args.audio is None:
        require_whole_checkpoint(cfg, args.allow_keys)
        build_runner(cfg).test()
        return
    report = evaluate_audio_conditions(
        cfg,
        conditions=args.audio,
        reference=args.audio_reference,
        seed=args.audio_seed,
        off_screen_groups=args.off_screen_groups,
        allow_keys=args.allow_keys)
    report['config'] = args.config
    if is_main_process():
        print(format_audio_report(report))
        if args.audio_out:
            write_json(report, args.audio_out)


if __name__ == '__main__':
    with explain_lost_process():
        main()
    leave_cpu_distributed()
