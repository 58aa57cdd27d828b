# Copyright (c) mmteso contributors. All rights reserved.
"""Bring a checkpoint of AVSBench's authors into the form of our configs.

    python projects/avsbench/convert_checkpoint.py CONFIG SRC DST

Theirs have no audio encoder; it comes from the file that the config names.
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
from mmteso_avsbench.convert import convert_avsbench


def main() -> None:
    args = parse_args()
    cfg = Config.fromfile(args.config)
    init_default_scope(cfg.default_scope)
    state = convert_avsbench(read_state_dict(args.src))
    model = MODELS.build(cfg.model)
    # theirs is a file of its own, of which the config knows
    model.audio_encoder.init_weights()
    state.update({
        f'audio_encoder.{name}': value
        for name, value in model.audio_encoder.state_dict().items()
    })
    # whole, and nothing over
    load_part(model, state, args.src)
    with atomic_write(args.dst) as partial:
        torch.save(dict(state_dict=state), partial)
    print(f'{args.dst}: {len(state)} tensors')


if __name__ == '__main__':
    main()
