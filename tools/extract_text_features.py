# Copyright (c) mmteso contributors. All rights reserved.
"""Encode the phrases of cue files once each and write them to a cue bank."""
import argparse
import os
import time

from mmteso.command_line import add_cfg_options, existing_file


def parse_args():
    parser = argparse.ArgumentParser(
        description='Write a cue bank: one vector per different phrase, with '
        'the name, weights and settings of the text encoder. LoadTextCues '
        'looks cues up in it.')
    parser.add_argument(
        'config',
        type=existing_file,
        help='config with the field text_encoder, e.g. '
        'configs/text_features/imagebind.py')
    parser.add_argument(
        '--out', required=True, help='file to write, *.safetensors')
    parser.add_argument(
        '--cues',
        nargs='+',
        default=[],
        metavar='FILE',
        help='cue files; the cues of all frames are encoded')
    parser.add_argument(
        '--phrase-files',
        nargs='+',
        default=[],
        metavar='FILE',
        help='text files with one phrase per line')
    parser.add_argument(
        '--phrases', nargs='+', default=[], metavar='PHRASE', help='phrases')
    parser.add_argument(
        '--classes',
        metavar='FILE',
        help="also the data set's class names, without the background: "
        "'avsbench', or a file such as label2idx.json")
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        '--update',
        action='store_true',
        help='add what is missing in the existing file, which must be of the '
        'same encoder, weights and settings')
    group.add_argument(
        '--overwrite', action='store_true', help='replace an existing file')
    parser.add_argument(
        '--batch-size',
        type=int,
        default=64,
        help='phrases encoded at a time (default: %(default)s)')
    parser.add_argument(
        '--device',
        help='device of the encoder; default: a GPU if there is one')
    add_cfg_options(parser,
                    'text_encoder.weights=/path/to/imagebind_huge.pth')
    return parser, parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES, read_classes
from mmteso.models.text_encoders import collect_phrases, write_cue_bank


def build_encoder(args):
    """The config's text encoder, on its device."""
    config = Config.fromfile(args.config)
    if args.cfg_options is not None:
        config.merge_from_dict(args.cfg_options)
    if 'text_encoder' not in config:
        raise ValueError(f'{args.config} has no field text_encoder; see '
                         'configs/text_features/.')
    init_default_scope(config.get('default_scope', 'mmseg'))
    return MODELS.build(config.text_encoder).to(args.device)


def main():
    parser, args = parse_args()
    exists = os.path.exists(args.out)
    if exists and not (args.update or args.overwrite):
        parser.error(f'"{args.out}" exists: add to it with --update, or '
                     'replace it with --overwrite')
    if args.update and not exists:
        parser.error(f'there is no "{args.out}" to update')
    cuda = torch.cuda.is_available()
    args.device = args.device or ('cuda' if cuda else 'cpu')
    if args.device.startswith('cuda') and not cuda:
        parser.error(f'--device {args.device}: PyTorch sees no CUDA device')
    start = time.perf_counter()
    try:
        # before the encoder, which may take long to load
        class_names = ()
        if args.classes:
            class_names = AVSBENCH_CLASSES if args.classes == 'avsbench' \
                else read_classes(args.classes)
        phrases = collect_phrases(args.cues, args.phrase_files,
                                  [*args.phrases, *class_names[1:]])
        encoder = build_encoder(args)
        added, kept = write_cue_bank(
            args.out,
            encoder,
            phrases,
            update=args.update,
            batch_size=args.batch_size)
    except KeyError as error:
        parser.error(error.args[0])
    except (ImportError, OSError, TypeError, ValueError) as error:
        parser.error(str(error))
    origin = encoder.provenance()
    print(f'{args.out}: {added} phrases encoded by {origin.encoder} '
          f'({origin.dims} dimensions), {kept} kept, '
          f'{time.perf_counter() - start:.1f} s')


if __name__ == '__main__':
    main()
