# Copyright (c) mmteso contributors. All rights reserved.
"""Show a page in the browser: a clip goes in, masks of what sounds come out.

Without --config it takes the model that ``make demo`` has trained.
"""
import argparse
import os.path as osp
import signal
import sys
from glob import glob, escape
from typing import Optional, Tuple

from mmteso.command_line import add_cfg_options, add_data_root, existing_file

ZERO_SHOT = 'configs/zero_shot/clap-clipseg_v1m.py'
ROOT = osp.dirname(osp.dirname(osp.abspath(__file__)))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='A page in the browser that segments what sounds in a '
        'clip, and shows how the masks answer another sound.')
    parser.add_argument(
        '--config', type=existing_file,
        help='of the model (default: that of --demo)')
    parser.add_argument(
        '--checkpoint', help='weights; none for configs/zero_shot/')
    parser.add_argument(
        '--demo', default='work_dirs/demo', metavar='DIR',
        help='folder that `make demo` wrote (default: %(default)s)')
    parser.add_argument(
        '--text-encoder', metavar='CONFIG',
        help='for cues that the model\'s cue bank has not, e.g. '
        'configs/text_features/imagebind.py')
    parser.add_argument(
        '--cue-generator', metavar='CONFIG',
        help='captioner and reasoner for clips without cues, e.g. '
        'configs/text_cues/teso.py')
    parser.add_argument('--device', help='default: a GPU if there is one')
    parser.add_argument(
        '--host', default='127.0.0.1',
        help='address to listen at; with 0.0.0.0 whoever reaches this machine '
        'can use the page (default: %(default)s)')
    parser.add_argument('--port', type=int, default=7860)
    parser.add_argument(
        '--max-mb', type=float, default=100.,
        help='largest file that is taken (default: %(default)s)')
    parser.add_argument(
        '--max-seconds', type=float, default=30.,
        help='longest clip that is taken (default: %(default)s)')
    parser.add_argument(
        '--max-gb', type=float, default=10.,
        help='disk space for the files of all visitors together '
        '(default: %(default)s)')
    parser.add_argument(
        '--max-visits', type=int, default=100,
        help='visits that are remembered; of more, those that were not used '
        'for longest end (default: %(default)s)')
    add_data_root(parser)
    add_cfg_options(parser)
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmengine.config import Config

from mmteso.analysis.ablation import best_checkpoint
from mmteso.apis import AVSInferencer, check_weights
from mmteso.apis.cues import CueSource
from mmteso.engine import read_config
from mmteso.page import Limits, show_missing_model
from mmteso.page.app import serve


def find_demo(folder: str) -> Tuple[Optional[str], Optional[str]]:
    """Config and checkpoint of ``make demo``; None where there are none."""
    train = osp.join(folder, 'train')
    configs = glob(osp.join(escape(train), '*.py'))
    if len(configs) != 1 or not glob(osp.join(escape(train), 'best_*.pth')):
        return None, None
    return configs[0], best_checkpoint(train)


def explain(reason: str, demo: str) -> str:
    """The page of those who have no model; also told here.

    The terminal gets whole paths, the page none of this machine.
    """
    print(f'{reason} The page says what to do.', flush=True)
    if osp.isabs(demo):
        reason = reason.replace(demo, osp.basename(demo))
        demo = osp.basename(demo)
    cfg = Config.fromfile(osp.join(ROOT, ZERO_SHOT))
    weights = [file for file in check_weights({ZERO_SHOT: cfg})
               if ': model.' in file.used_by]
    return show_missing_model(reason, demo, weights)


def main() -> None:
    args = parse_args()
    # the server's end is that of its temporary files, too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config, checkpoint = args.config, args.checkpoint
    if config is None:
        config, checkpoint = find_demo(args.demo)
    inferencer, about, missing = None, '', ''
    if config is None:
        missing = explain(f'{args.demo} holds no trained model.', args.demo)
    else:
        cfg = read_config(config, args.cfg_options, args.data_root)
        lacking = [file for file in check_weights({config: cfg})
                   if checkpoint is None and ': model.' in file.used_by
                   and file.state != 'there']
        if lacking:
            names = ', '.join(file.reference for file in lacking)
            missing = explain(f'{osp.basename(config)} needs {names}.',
                              args.demo)
        else:
            inferencer = AVSInferencer(
                cfg, checkpoint, args.device, text_encoder=args.text_encoder)
            about = f'Model: {osp.basename(config)}'
            if checkpoint:
                about += f', {osp.basename(checkpoint)}'
    generator = CueSource(
        generator=args.cue_generator) if args.cue_generator else None
    serve(inferencer, args.host, args.port,
          Limits(args.max_mb, args.max_seconds, gigabytes=args.max_gb,
                 visits=args.max_visits),
          about=about, generator=generator, missing=missing)


if __name__ == '__main__':
    main()
