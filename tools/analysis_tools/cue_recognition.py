# Copyright (c) mmteso contributors. All rights reserved.
"""How well the cues of a file name what sounds (REC#1), without a model.

    python tools/analysis_tools/cue_recognition.py CONFIG \
        --cues llava_llama.jsonl llava_nouns.jsonl

Compares captioners and reasoners before anything is trained on their cues.
"""
import argparse

from mmteso.choices import AVERAGES, TRUTHS, UNKNOWN
from mmteso.command_line import add_cfg_options, existing_file


def parse_args():
    parser = argparse.ArgumentParser(
        description='Compare the text cues of one or more cue files with the '
        'classes that sound in the frames of a data set: precision, recall, '
        'F1, and average precision in the order of the cues (see '
        'CueRecognitionMetric for their definition)')
    parser.add_argument(
        'config',
        type=existing_file,
        help='path of a config file: the data set')
    parser.add_argument(
        '--cues',
        nargs='+',
        metavar='FILE',
        help='cue files (default: that of the config)')
    parser.add_argument(
        '--split',
        choices=('train', 'val', 'test'),
        default='test',
        help='dataloader of the config (default: %(default)s)')
    parser.add_argument(
        '--num-cues',
        type=int,
        help="cues of a frame that count, 0 for all (default: the config's)")
    parser.add_argument(
        '--truth',
        choices=TRUTHS,
        default='mask',
        help="classes in the frame's mask, or a_obj, the video's label "
        '(default: %(default)s)')
    parser.add_argument(
        '--synonyms',
        default='auto',
        help='auto, avsbench, none, or a YAML file of your own; '
        "auto is avsbench for AVSBench's classes, else none: class names "
        'only (default: %(default)s)')
    parser.add_argument(
        '--no-head-noun',
        action='store_true',
        help='a phrase that is not in the synonyms, as "acoustic guitar", '
        'does not mean what its last words do')
    parser.add_argument(
        '--unknown',
        choices=UNKNOWN,
        default='wrong',
        help='a cue that means no class is wrong, or left out (default: '
        '%(default)s)')
    parser.add_argument(
        '--average',
        choices=AVERAGES,
        default='frame',
        help='each frame weighs the same, or each cue and class (default: '
        '%(default)s)')
    parser.add_argument(
        '--show',
        type=int,
        default=10,
        metavar='N',
        help='show the N most frequent phrases that mean no class (default: '
        '%(default)s)')
    parser.add_argument('--out', help='JSON file for all results')
    add_cfg_options(parser)
    return parser, parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmteso.analysis.recognition import (configured_cues, evaluate_cue_file,
                                         format_cue_recognition, read_truth)
from mmteso.engine import read_config
from mmteso.io import write_json


def main():
    parser, args = parse_args()
    try:
        cfg = read_config(args.config, args.cfg_options)
        cue_files, num_cues = args.cues, args.num_cues
        if cue_files is None or num_cues is None:
            file, number = configured_cues(cfg, args.split)
            cue_files = cue_files or [file]
            num_cues = number if num_cues is None else num_cues
        if num_cues < 0:
            parser.error('--num-cues must be at least 0')
        truth = read_truth(cfg, args.split, args.truth)
        results = [
            evaluate_cue_file(
                truth,
                file,
                num_cues=num_cues or None,
                synonyms=args.synonyms,
                head_noun=not args.no_head_noun,
                unknown=args.unknown,
                average=args.average) for file in cue_files
        ]
    except KeyError as error:  # whose str() has quotation marks
        parser.error(str(error.args[0]))
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    print(format_cue_recognition(results))
    print(f'REC#1 of {args.split}, percent; truth: {args.truth}; '
          f'{"all" if not num_cues else f"at most {num_cues}"} cues of a '
          f'frame; synonyms: {args.synonyms}'
          f'{", no head nouns" if args.no_head_noun else ""}; cues of no class'
          f': {args.unknown}; average: {args.average}; AP in the order of the '
          'cues')
    for result in results:
        shown = list(result['unknown_phrases'].items())[:args.show]
        if shown:
            print(f'Of no class in {result["cue_file"]}: ' +
                  ', '.join(f'{phrase} ({n})' for phrase, n in shown))
    if args.out:
        write_json(dict(vars(args), num_cues=num_cues, results=results),
                   args.out)


if __name__ == '__main__':
    main()
