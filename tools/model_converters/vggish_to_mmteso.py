# Copyright (c) mmteso contributors. All rights reserved.
"""Convert VGGish's weights for the audio encoder ``VGGish``.

torchvggish's ``vggish-10086976.pth`` needs no conversion. This is for who has
Google's checkpoint, or the whole model of AVSBench, GAVS or another project
that carries torchvggish's VGGish inside::

    python tools/model_converters/vggish_to_mmteso.py vggish_model.ckpt \\
        checkpoints/vggish.pth
    python tools/train.py configs/teso/teso_swin-b_v1m.py --cfg-options \\
        model.audio_encoder.init_cfg.checkpoint=checkpoints/vggish.pth

The license is that of the source. Not run yet with the published files.
"""
import argparse
import os.path as osp

import torch

from mmteso.models.converters import (check_vggish_shapes, convert_vggish,
                                      read_vggish_weights)


def parse_args():
    parser = argparse.ArgumentParser(
        description="Convert VGGish's weights to the layout of "
        'vggish-10086976.pth, which the audio encoder VGGish reads.')
    parser.add_argument(
        'source',
        help="Google's vggish_model.ckpt (needs tensorflow), its variables in "
        'a .npz, or a .pth or .pt with a VGGish among its weights')
    parser.add_argument('out', help='file to write, *.pth')
    parser.add_argument(
        '--prefix',
        help="what stands before VGGish's names in a .pth, e.g. "
        'audio_backbone. (default: it is found)')
    return parser, parser.parse_args()


def main():
    parser, args = parse_args()
    if osp.exists(args.out):
        parser.error(f'"{args.out}" exists already')
    if not args.out.endswith('.pth'):
        parser.error(f'"{args.out}" must end with ".pth"')
    try:
        state_dict = convert_vggish(
            read_vggish_weights(args.source), args.prefix)
        check_vggish_shapes(state_dict)
        torch.save(state_dict, args.out)
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    numbers = sum(value.numel() for value in state_dict.values())
    print(f'{args.out}: {len(state_dict)} tensors, {numbers / 1e6:.1f} '
          'million numbers')


if __name__ == '__main__':
    main()
