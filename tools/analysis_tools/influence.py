# Copyright (c) mmteso contributors. All rights reserved.
"""Tell whether a model hears: what another sound and another text change.

    python tools/analysis_tools/influence.py configs/teso/teso_swin-b_v1m.py
    python tools/analysis_tools/influence.py CONFIG CHECKPOINT --data

Gives each frame the sound of another one, then the cues of another one, and
prints how far F_S, the prompted queries F_Q' (or the fused features) and the
score of the masks move, in percent of their length; then how alike the latents
are, and the scores by which the dynamic mask selects. Without a checkpoint the
weights are random; without --data the inputs are simulated: noise images,
VGGish-like sound, and text like that of the encoders that --text names.
"""
import argparse

from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from prettytable import PrettyTable, TableStyle

# registers everything; see tools/test.py
import mmteso  # noqa: F401
from mmteso.analysis import (TEXT_STATISTICS, describe_prompt,
                             measure_influence, random_model,
                             simulated_inputs)
from mmteso.apis.frame_pictures import condition_datasets, load_model
from mmteso.engine import add_cfg_options, merge_cfg_options


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Print how far a model is moved by another sound and by '
        'another text')
    parser.add_argument('config', help='path of the config file')
    parser.add_argument(
        'checkpoint', nargs='?', help='checkpoint file; default: new weights')
    parser.add_argument(
        '--data',
        action='store_true',
        help="frames of the config's test set, with a checkpoint; default: "
        'simulated inputs')
    parser.add_argument(
        '--text',
        nargs='+',
        choices=TEXT_STATISTICS,
        default=list(TEXT_STATISTICS),
        help='statistics of simulated text features: length 100 and cosine '
        '0.6 (imagebind), 1 and 0.35 (minilm), 1 and 0 (hash); default: each')
    parser.add_argument(
        '--frames', type=int, default=4, help='frames; default: 4')
    parser.add_argument(
        '--seed', type=int, default=0, help='of weights and inputs; default 0')
    add_cfg_options(parser)
    args = parser.parse_args()
    if args.data and not args.checkpoint:
        parser.error('--data needs a checkpoint: real inputs go through the '
                     'trained audio encoder')
    return args


def main() -> None:
    args = parse_args()
    cfg = Config.fromfile(args.config)
    merge_cfg_options(cfg, args.cfg_options)
    if args.checkpoint:
        model = load_model(cfg, args.checkpoint).cpu()
    else:
        model = random_model(cfg, args.seed)
    found, prompts = {}, {}
    if args.data:
        dataset = condition_datasets(cfg, ['normal'])['normal']
        step = max(1, len(dataset) // args.frames)
        items = [dataset[i * step] for i in range(args.frames)]
        data = model.data_preprocessor(pseudo_collate(items), False)
        found['data'] = measure_influence(model, **data)
        prompts['data'] = model.encode_prompt(**data)
    else:
        # what the simulated features stand for
        model.audio_encoder = None
        size = model.data_preprocessor.size or (96, 96)
        for name in args.text:
            inputs = simulated_inputs(
                model,
                TEXT_STATISTICS[name],
                args.frames,
                size=size[0],
                seed=args.seed)
            found[name] = measure_influence(model, inputs)
            prompts[name] = model.encode_prompt(inputs)
    table = PrettyTable(['text', 'stage', 'other sound', 'other text'])
    table.align = 'r'
    table.set_style(TableStyle.MARKDOWN)
    for name, stages in found.items():
        for stage, sound, text in stages:
            table.add_row([name, stage, f'{sound:.2f} %', f'{text:.2f} %'])
    weights = args.checkpoint or 'random weights'
    inputs = 'frames of the test set' if args.data else 'simulated inputs'
    print(f'{args.config}: {weights}, {args.frames} {inputs}\n')
    print(table)
    for name, prompt in prompts.items():
        print(f'\n{name}: {describe_prompt(prompt)}')


if __name__ == '__main__':
    main()
