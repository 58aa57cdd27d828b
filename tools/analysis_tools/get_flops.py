# Copyright (c) mmteso contributors. All rights reserved.
"""How much a model computes for one frame with its sound and text.

    python tools/analysis_tools/get_flops.py configs/teso/teso_swin-b_v1m.py

mmseg's get_flops.py hands a model the image alone, and knows no Mask2Former.
Needs neither weights nor data.
"""
import argparse

from mmteso.command_line import add_cfg_options, existing_file


def parse_args():
    parser = argparse.ArgumentParser(
        description='Count the FLOPs and the parameters of a segmentor, part '
        'by part, for one frame with its sound and text')
    parser.add_argument(
        'config', type=existing_file, help='path of the config file')
    parser.add_argument(
        '--shape',
        type=int,
        nargs='+',
        metavar='N',
        help='height and width of the image, or one number for both; '
        'default: what the test pipeline resizes to')
    parser.add_argument(
        '--depth',
        type=int,
        default=1,
        help='levels of modules in the table; default: %(default)s')
    add_cfg_options(parser)
    return parser, parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmengine.analysis.print_helper import complexity_stats_table

from mmteso.analysis.complexity import analyze_flops
from mmteso.engine import read_config


def main():
    parser, args = parse_args()
    cfg = read_config(args.config, args.cfg_options)
    try:
        analyzer, model, shapes = analyze_flops(cfg, args.shape)
    except ValueError as error:
        parser.error(str(error))
    print('Inputs: ' + ', '.join(f'{name} {" x ".join(map(str, shape))}'
                                 for name, shape in shapes.items()))
    print(
        complexity_stats_table(
            analyzer, max_depth=args.depth, show_param_shapes=False))
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    print(f'FLOPs: {analyzer.total() / 1e9:.3f} G, parameters: '
          f'{sum(n for n, _ in sizes) / 1e6:.3f} M, of which '
          f'{sum(n for n, trains in sizes if trains) / 1e6:.3f} M train')
    print("Up to the decode head's output. A multiply-add is one FLOP; only "
          'products, convolutions, normalisation and resampling count, not '
          'activations, softmax or sums. Without auxiliary heads, and without '
          'what is computed before the model: text features, log-mels, cached '
          'audio features.')


if __name__ == '__main__':
    main()
