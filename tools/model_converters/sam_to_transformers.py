# Copyright (c) mmteso contributors. All rights reserved.
"""Write Meta's checkpoint of SAM as a folder that transformers reads."""
import argparse

URL = ('https://dl.fbaipublicfiles.com/segment_anything/'
       'sam_vit_b_01ec64.pth')


def parse_args():
    parser = argparse.ArgumentParser(
        description="Convert Meta's checkpoint of SAM (ViT-B, L or H) to a "
        "folder with config.json and model.safetensors, which transformers' "
        'SamModel reads, and SAMImageEncoder and TeSOSAMHead with it.')
    parser.add_argument('source', help=f'sam_vit_b_01ec64.pth, from {URL}')
    parser.add_argument(
        'out', help='folder to write, such as checkpoints/sam-vit-b')
    parser.add_argument(
        '--decoder-heads',
        type=int,
        default=8,
        help='attention heads of the mask decoder, which the checkpoint does '
        "not tell (default: %(default)s, as in all of Meta's)")
    return parser, parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmteso.io import read_state_dict
from mmteso.models.converters import convert_sam, write_sam_folder


def main():
    parser, args = parse_args()
    try:
        state_dict = convert_sam(read_state_dict(args.source))
        write_sam_folder(args.out, state_dict, args.decoder_heads)
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    numbers = sum(value.numel() for value in state_dict.values())
    print(f'{args.out}: {len(state_dict)} tensors, {numbers / 1e6:.1f} '
          'million numbers')


if __name__ == '__main__':
    main()
