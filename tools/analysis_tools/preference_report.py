# Copyright (c) mmteso contributors. All rights reserved.
"""Draw whether models listen: scores, masks and attention by sound.

    python tools/analysis_tools/preference_report.py CONFIG CHECKPOINT \
        --out work_dirs/preference --name TeSO \
        --without-text CONFIG_WITHOUT_TEXT CHECKPOINT_WITHOUT_TEXT

Writes ``report.json``, ``report.md``, ``scores.png`` (bars, as the paper's
figure 4), ``masks.png`` (frames x sounds, figure J8) and ``attention.png``
(figure J9) into the folder.
"""
import argparse
import os.path as osp

from mmteso.choices import PICTURES, audio_condition_transform
from mmteso.command_line import (add_audio_conditions, add_cfg_options,
                                 existing_file)

PAPER = osp.join(
    osp.dirname(osp.abspath(__file__)), 'paper_audio_control.yml')
WITHOUT_TEXT = 'without text'


def parse_args():
    parser = argparse.ArgumentParser(
        description='Test models under several sounds, the picture unchanged, '
        'and draw bar charts of the scores, masks, and the attention of the '
        'mask queries with and without text')
    parser.add_argument(
        'config', type=existing_file, help='path of the config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--out', required=True, help='folder for report and pictures')
    parser.add_argument(
        '--name', help='of the model in the report (default: the config\'s)')
    parser.add_argument(
        '--compare',
        nargs=3,
        action='append',
        default=[],
        metavar=('NAME', 'CONFIG', 'CHECKPOINT'),
        help='a further model; may be given several times')
    parser.add_argument(
        '--without-text',
        nargs=2,
        metavar=('CONFIG', 'CHECKPOINT'),
        help=f'a further model, "{WITHOUT_TEXT}", whose attention is drawn '
        'beside that of the first one')
    parser.add_argument(
        '--report',
        nargs=2,
        action='append',
        default=[],
        metavar=('NAME', 'FILE'),
        help='scores of tools/test.py --audio-out: of one of the models, '
        'which is not tested again, or of a further one, which then is in '
        'the bar chart only; may be given several times')
    parser.add_argument(
        '--paper',
        nargs='?',
        const=PAPER,
        metavar='FILE',
        help='add the numbers that the paper prints, in charts of their own '
        '(default file: %(const)s)')
    add_audio_conditions(parser)
    parser.add_argument(
        '--frames',
        nargs='+',
        default=['6'],
        metavar='N | UID:FRAME',
        help='how many frames to draw, chosen so that listening is needed in '
        'most; or which ones (default: 6)')
    parser.add_argument(
        '--pictures',
        nargs='+',
        choices=list(PICTURES),
        default=list(PICTURES),
        help='what to draw (default: all)')
    parser.add_argument(
        '--note', default='', help='written into report and titles')
    add_cfg_options(parser)
    return parser, parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmteso.analysis.preference import (ComparedModel, make_preference_report,
                                        read_paper_numbers)
from mmteso.engine import read_config


def collect_models(args):
    """The models, the first one first."""
    name = args.name or osp.splitext(osp.basename(args.config))[0]
    rows = [(name, args.config, args.checkpoint)] + args.compare
    drawn = {name}
    if args.without_text:
        rows.append((WITHOUT_TEXT, *args.without_text))
        drawn.add(WITHOUT_TEXT)
    models = [
        ComparedModel(
            name,
            config,
            read_config(config, args.cfg_options),
            checkpoint,
            attention=name in drawn) for name, config, checkpoint in rows
    ]
    for name, file in args.report:
        known = {model.name: model for model in models}
        if name in known:
            known[name].report = file
        else:
            models.append(ComparedModel(name, report=file))
    return models


def main():
    parser, args = parse_args()
    count = args.frames[0] if len(args.frames) == 1 else ''
    try:
        for condition in args.audio:
            audio_condition_transform(condition)
        models = collect_models(args)
        paper = read_paper_numbers(args.paper) if args.paper else None
    except (OSError, ValueError) as error:
        parser.error(str(error))
    report = make_preference_report(
        models,
        args.out,
        conditions=args.audio,
        reference=args.audio_reference,
        seed=args.audio_seed,
        frames=int(count) if count.isdigit() else args.frames,
        pictures=args.pictures,
        paper=paper,
        note=args.note,
        off_screen_groups=args.off_screen_groups)
    for name in ('report.json', 'report.md', *report['pictures']):
        print(osp.join(args.out, name))


if __name__ == '__main__':
    main()
