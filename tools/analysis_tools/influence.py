# Copyright (c) mmteso contributors. All rights reserved.
"""Tell whether a model hears: what another sound and another text change.

    python tools/analysis_tools/influence.py configs/teso/teso_swin-b_v1m.py
    python tools/analysis_tools/influence.py CONFIG CHECKPOINT --data

Gives each frame the sound of another one, then the cues of another one, and
prints how far F_S, the prompted queries F_Q' (or the fused features) and the
score of the masks move, in percent of their length; then how alike the latents
are, and the scores by which the dynamic mask selects. Without a checkpoint the
weights are random; without --data the inputs are simulated: images of noise,
VGGish-like sound, and text like that of the encoders that --text names.
"""
import argparse

from mmteso.choices import TEXT_STATISTICS
from mmteso.command_line import add_cfg_options, existing_file


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Print how far a model is moved by another sound and by '
        'another text')
    parser.add_argument(
        'config', type=existing_file, help='path of the config file')
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


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

import pandas as pd
import torch
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed

from mmteso.analysis.frames import build_test_set
from mmteso.analysis.influence import describe_prompt, measure_influence
from mmteso.analysis.simulated import model_without_files, simulated_batches
from mmteso.engine import read_config
from mmteso.tables import format_table


@torch.no_grad()
def main() -> None:
    args = parse_args()
    # a line for each initialised weight otherwise
    MMLogger.get_instance('influence', log_level='WARNING')
    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    set_random_seed(args.seed)
    model = model_without_files(cfg, args.checkpoint, audio_encoder=args.data)
    model.eval()
    batches = {}
    if args.data:
        dataset = build_test_set(cfg)
        step = max(1, len(dataset) // args.frames)
        batches['data'] = pseudo_collate(
            [dataset[i * step] for i in range(args.frames)])
    else:
        for name in args.text:
            batches[name] = next(
                simulated_batches(cfg, model, args.frames,
                                  TEXT_STATISTICS[name], args.seed))
    found, prompts = {}, {}
    for name, batch in batches.items():
        data = model.data_preprocessor(batch, False)
        found[name] = measure_influence(model, **data)
        prompts[name] = describe_prompt(
            model.encode_prompt(**data), data['inputs']['text_valid'])
    table = pd.DataFrame(
        [[name, stage, f'{sound:.2f} %', f'{text:.2f} %']
         for name, stages in found.items()
         for stage, (sound, text) in stages.items()],
        columns=['text', 'stage', 'other sound', 'other text'])
    weights = args.checkpoint or 'random weights'
    inputs = 'frames of the test set' if args.data else 'simulated inputs'
    print(f'{args.config}: {weights}, {args.frames} {inputs}\n')
    print(format_table(table, markdown=True, left=2))
    for name, description in prompts.items():
        print(f'\n{name}: {description}')


if __name__ == '__main__':
    main()
