# Copyright (c) mmteso contributors. All rights reserved.
"""Bring a checkpoint of AuralSAM2's authors into the form of our configs.

    python projects/auralsam2/convert_checkpoint.py CONFIG SRC DST

SAM 2's weights are read from the folder that the config names.
"""
import argparse

from mmteso.command_line import existing_file


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        'config', type=existing_file, help='that the weights have to fit')
    parser.add_argument(
        'src', type=existing_file, help="the authors' checkpoint")
    parser.add_argument('dst', help='the checkpoint to write')
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmteso.io import atomic_write, read_state_dict
from mmteso.models.weights import load_part
from mmteso_auralsam2.convert import convert_auralsam2


def main() -> None:
    args = parse_args()
    cfg = Config.fromfile(args.config)
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    model.backbone.init_weights()
    model.decode_head.init_weights()
    state = {
        name: value
        for name, value in model.state_dict().items()
        if not name.startswith(('audio_encoder.', 'decode_head.fuser.'))
    }
    state.update(convert_auralsam2(read_state_dict(args.src)))
    # whole, and nothing over
    load_part(model, state, args.src)
    with atomic_write(args.dst) as partial:
        torch.save(dict(state_dict=state), partial)
    print(f'{args.dst}: {len(state)} tensors')


if __name__ == '__main__':
    main()
