# Copyright (c) mmteso contributors. All rights reserved.
"""Take ImageBind's text tower out of imagebind_huge.pth for transformers."""
import argparse
import os

from mmteso.models.text_encoders.imagebind_weights import (
    HEAD_DIMS, WEIGHTS_URL, convert_imagebind_text, read_imagebind_weights,
    write_converted_weights)


def parse_args():
    parser = argparse.ArgumentParser(
        description="Convert the text weights of ImageBind's checkpoint (4.8 "
        'GB) to a file of 1.4 GB under the names of transformers\' '
        'CLIPTextModelWithProjection, which ImageBindText reads as well. It '
        'remembers the SHA-256 of the checkpoint.')
    parser.add_argument(
        'source', help=f'imagebind_huge.pth, from {WEIGHTS_URL}')
    parser.add_argument('out', help='file to write, *.safetensors')
    parser.add_argument(
        '--num-heads',
        type=int,
        help='attention heads, which the checkpoint does not tell (default: '
        f'one for {HEAD_DIMS} channels, as in imagebind_huge)')
    return parser, parser.parse_args()


def main():
    parser, args = parse_args()
    if os.path.exists(args.out):
        parser.error(f'"{args.out}" exists already')
    if not args.out.endswith('.safetensors'):
        parser.error(f'"{args.out}" must end with ".safetensors"')
    try:
        source = read_imagebind_weights(args.source)
        if source.converted:
            parser.error(f'"{args.source}" is converted already')
        state_dict = convert_imagebind_text(source.state_dict)
        write_converted_weights(
            args.out,
            state_dict,
            source_file=args.source,
            source_sha256=source.sha256(),
            num_heads=args.num_heads)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    numbers = sum(value.numel() for value in state_dict.values())
    print(f'{args.out}: {len(state_dict)} tensors, {numbers / 1e6:.1f} '
          'million numbers')


if __name__ == '__main__':
    main()
