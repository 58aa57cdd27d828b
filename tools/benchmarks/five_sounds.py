# Copyright (c) mmteso contributors. All rights reserved.
"""One picture under five sounds by one sound, before and now."""
import argparse
import tempfile
from typing import Callable, Dict

from turns import (Sample, add_options, measure, module_of, ratio, record,
                   take_turns)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument(
        '--batch-size', type=int, default=1, help='default: %(default)s')
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

import torch
from audio_control import batches, build_model, make_config
from audio_control import parse_args as parse_options
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS

from mmteso.datasets.transforms import split_conditions


def former(folder: str) -> type:
    """The head of another checkout, beside ours in the package."""
    ours = {name: MODELS.module_dict.pop(name)
            for name in ('TeSOHead', 'PixelSupervisedHead')}
    module = module_of(folder, 'mmteso/models/decode_heads/teso_head.py',
                       'mmteso.models.decode_heads.former')
    MODELS.module_dict.update(ours)
    return module.TeSOHead


@torch.no_grad()
def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    options = parse_options([])
    MMLogger.get_current_instance().setLevel('ERROR')
    with tempfile.TemporaryDirectory() as folder, \
            DefaultScope.overwrite_default_scope('mmseg'):
        cfg = make_config(options, folder)
        model = build_model(cfg, 'cpu')
        together, *single = batches(
            cfg, options.conditions, args.batch_size)
    heads = dict(before=former(args.baseline), now=type(model.decode_head))

    def predict(head: type, sounds: int) -> list:
        model.decode_head.__class__ = head
        if sounds == 1:
            return [model.test_step(single[0])]
        return model.test_sounds_step(split_conditions(together, sounds))

    count = len(options.conditions)
    differences = [
        (one.sounding_score.data - other.sounding_score.data).abs().max()
        for ones, others in zip(*(predict(head, count)
                                  for head in heads.values()))
        for one, other in zip(ones, others)
    ]
    ways: Dict[str, Callable[[], Sample]] = {
        f'{sounds} sound{"s" * (sounds > 1)}, {name}':
        lambda head=head, sounds=sounds: measure(
            lambda: predict(head, sounds))
        for name, head in heads.items() for sounds in (1, count)
    }
    samples = take_turns(ways, args.rounds)
    value = ratio(samples, f'{count} sounds, now', '1 sound, now')
    record(
        args, samples,
        name=f'five_sounds_{args.batch_size}',
        what=f'{count} sounds with one picture, by one sound: Swin-B, '
        f'{options.size} x {options.size}, batch of {args.batch_size}',
        target='at most 1.25',
        ratio=value,
        met=value <= 1.25,
        notes={
            'before': round(
                ratio(samples, f'{count} sounds, before', '1 sound, before'),
                3),
            'one sound, now by before': round(
                ratio(samples, '1 sound, now', '1 sound, before'), 3),
            'largest difference of a score from before':
            float(f'{max(differences):.3g}')
        })


if __name__ == '__main__':
    main()
