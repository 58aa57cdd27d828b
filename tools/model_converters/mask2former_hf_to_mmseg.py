# Copyright (c) mmteso contributors. All rights reserved.
"""Convert a Mask2Former of transformers to mmsegmentation's layout.

Another source of a pretrained Mask2Former than OpenMMLab's. The file is one
that our configs and mmsegmentation's own start from::

    hf download facebook/mask2former-swin-base-IN21k-ade-semantic \\
        --local-dir checkpoints/m2f-hf
    python tools/model_converters/mask2former_hf_to_mmseg.py \\
        checkpoints/m2f-hf checkpoints/m2f_swin-b.pth \\
        --config configs/teso/teso_swin-b_v1m.py
    python tools/train.py configs/teso/teso_swin-b_v1m.py \\
        --cfg-options load_from=checkpoints/m2f_swin-b.pth

``--config`` says before the training whether that model is the converted one:
widths, depths, window, heads, queries, and mean and deviation of the pixels.
``swin-base`` belongs to ``teso_swin-b_*.py`` and ``swin-tiny`` to
``teso_swin-t_*.py``. The class head is converted as well; with another number
of classes it is left out when the file is loaded, as it is for OpenMMLab's.
The license is that of the model's own card.
"""
import argparse
import os.path as osp


def parse_args():
    parser = argparse.ArgumentParser(
        description="Convert a Mask2Former of transformers (Swin or ResNet "
        "backbone) to a checkpoint for mmsegmentation's Mask2Former and for "
        'the configs here, by load_from.')
    parser.add_argument(
        'source', help='folder of a model of transformers, or its id on the '
        'Hugging Face Hub')
    parser.add_argument('out', help='file to write, *.pth')
    parser.add_argument(
        '--config',
        help='config whose model the weights must fit; nothing is written if '
        'they do not')
    return parser, parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmteso.io import atomic_write
from mmteso.models.converters import (convert_mask2former, find_differences,
                                      load_hf_mask2former, pixel_settings)
from mmteso.models.weights import state_sha256


def pixels_of(source: str) -> dict:
    """Mean and deviation of the source's pixels; {} if it does not say."""
    from transformers.image_processing_utils import BaseImageProcessor
    try:
        return pixel_settings(
            BaseImageProcessor.get_image_processor_dict(source)[0])
    except OSError:
        return {}


def main():
    parser, args = parse_args()
    if osp.exists(args.out):
        parser.error(f'"{args.out}" exists already')
    if not args.out.endswith('.pth'):
        parser.error(f'"{args.out}" must end with ".pth"')
    init_default_scope('mmseg')
    try:
        source = load_hf_mask2former(args.source)
        state_dict = convert_mask2former(
            source.state_dict(),
            getattr(source.config.backbone_config, 'window_size', 0))
        pixels = pixels_of(args.source)
        if args.config is not None:
            model = Config.fromfile(args.config).model
            lines = find_differences(state_dict, source.config, model)
            own = model.data_preprocessor
            lines += [
                f'data_preprocessor.{name} is {own.get(name)}, the weights '
                f'need {value}' for name, value in pixels.items()
                if not torch.allclose(
                    torch.tensor(own.get(name), dtype=torch.float),
                    torch.tensor(value, dtype=torch.float), atol=1e-2)
            ]
            if lines:
                parser.error(f'the weights do not fit {args.config}:\n  ' +
                             '\n  '.join(lines))
        # no path of this machine in the file
        meta = dict(
            converted_from=osp.basename(osp.normpath(args.source)),
            source_state_sha256=state_sha256(source))
        with atomic_write(args.out) as partial:
            torch.save(dict(meta=meta, state_dict=state_dict), partial)
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    numbers = sum(value.numel() for value in state_dict.values())
    classes = len(state_dict['decode_head.cls_embed.bias']) - 1
    print(f'{args.out}: {len(state_dict)} tensors, {numbers / 1e6:.1f} '
          f'million numbers, {classes} classes')
    if pixels:
        print(f'data_preprocessor must have {pixels}')
    else:
        print('There is no preprocessor_config.json: mean and deviation of '
              'the pixels were not compared')


if __name__ == '__main__':
    main()
