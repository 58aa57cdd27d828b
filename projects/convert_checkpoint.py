# Copyright (c) mmteso contributors. All rights reserved.
"""Bring a checkpoint of a peer's authors into the form of our configs.

    python projects/convert_checkpoint.py CONFIG SRC DST

CONFIG is one of the peer's, whose package has a module ``convert``. What the
authors' files don't have, such as an audio encoder or a frozen SAM 2, comes
from the files that the config names.
"""
import argparse
from typing import Tuple

from mmteso.command_line import existing_file


def parse_args() -> Tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        'config', type=existing_file, help='that the weights have to fit')
    parser.add_argument(
        'src', type=existing_file, help="the authors' checkpoint")
    parser.add_argument('dst', help='the checkpoint to write')
    return parser, parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

import importlib

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmteso.io import atomic_write, read_state_dict
from mmteso.models.weights import load_part


def main() -> None:
    parser, args = parse_args()
    cfg = Config.fromfile(args.config)
    package = cfg.get('custom_imports', dict(imports=['mmteso'])).imports[-1]
    try:
        peer = importlib.import_module(f'{package}.convert')
    except ModuleNotFoundError:
        parser.error(f'{package}, the last package in custom_imports of '
                     f'{args.config}, has no converter')
    theirs = peer.convert_checkpoint(read_state_dict(args.src))
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    ours = [
        name for name in model.state_dict() if not name.startswith(peer.THEIRS)
    ]
    for part in {name.split('.')[0] for name in ours}:
        getattr(model, part).init_weights()
    weights = model.state_dict()
    state = {**{name: weights[name] for name in ours}, **theirs}
    # whole, and nothing over
    load_part(model, state, args.src)
    with atomic_write(args.dst) as partial:
        torch.save(dict(state_dict=state), partial)
    print(f'{args.dst}: {len(state)} tensors')


if __name__ == '__main__':
    main()
