# Copyright (c) mmteso contributors. All rights reserved.
"""Tell how well a linear probe tells the sounds of a data set apart.

    python tools/analysis_tools/sound_probe.py \
        configs/teso/teso_efficientnet-lite0_cutouts.py

Trains a logistic regression for each class on features of the training split's
sounds, and says how well it finds the classes that sound in another split: the
mean average precision over the classes; and, of the seconds in which one class
sounds, the share in which it has the highest score. Features: mean and
deviation of the log-mel bands, and VGGish, with random weights unless
--checkpoint names its own. It knows nothing of what is to be seen.
"""
import argparse

from mmteso.command_line import add_cfg_options, existing_file

# image and masks for the truth, no augmentation, no text
STEPS = ('LoadImageFromFile', 'LoadAVSAnnotations', 'LoadAudioClip',
         'AudioToLogMel', 'PackAVTInputs')


def parse_args():
    parser = argparse.ArgumentParser(
        description='Print how well a linear probe tells the sounds of a '
        'data set apart')
    parser.add_argument(
        'config', type=existing_file, help='path of the config file')
    parser.add_argument(
        '--splits',
        nargs='+',
        default=['val', 'test'],
        help='splits to probe (default: val test)')
    parser.add_argument(
        '--checkpoint', help="VGGish's weights; default: random ones")
    parser.add_argument(
        '--hardest',
        type=int,
        default=8,
        metavar='N',
        help='so many classes of the last split are listed (default: 8)')
    parser.add_argument(
        '--seed', type=int, default=0, help='of random weights; default 0')
    add_cfg_options(parser)
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from mmseg.registry import DATASETS, MODELS

from mmteso.engine import read_config
from mmteso.engine.sound_steps import dataloader_of, type_name
from mmteso.tables import format_number, format_table


def read_split(cfg, split):
    """Log-mels (N, 1, 96, 64), what sounds (N, K) bool, class names."""
    dataset = dataloader_of(cfg, split if split == 'train' else 'test')[
        'dataset'].copy()
    dataset.update(split=split, cue_file=None, cue_bank=None)
    dataset['pipeline'] = [
        step for step in dataset['pipeline'] if type_name(step) in STEPS
    ]
    dataset = DATASETS.build(dataset)
    names = list(dataset.class_names[1:])
    log_mels, sounding = [], np.zeros((len(dataset), len(names)), bool)
    for index in range(len(dataset)):
        item = dataset[index]
        log_mels.append(item['inputs']['log_mel'])
        for name in item['data_samples'].frame_classes:
            sounding[index, names.index(name)] = True
    return torch.stack(log_mels), torch.from_numpy(sounding), names


@torch.no_grad()
def encode(encoder, log_mels):
    """(N, D) features."""
    return torch.cat([encoder(part) for part in log_mels.split(64)])


def fit(features, sounding, decay=1e-3):
    """Logistic regressions (D + 1, K), by L-BFGS."""
    weight = torch.zeros(features.shape[1] + 1, sounding.shape[1],
                         requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=200,
                                  line_search_fn='strong_wolfe')
    targets = sounding.float()

    def closure():
        optimizer.zero_grad()
        losses = F.binary_cross_entropy_with_logits(
            features @ weight[:-1] + weight[-1], targets, reduction='none')
        loss = losses.sum(1).mean() + decay * weight[:-1].square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weight.detach()


def average_precision(scores, truth):
    """Mean over the positives of the precision down to each."""
    hits = truth[scores.argsort(descending=True)].float()
    precision = hits.cumsum(0) / torch.arange(1, len(hits) + 1)
    return float((precision * hits).sum() / hits.sum())


def main():
    args = parse_args()
    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    set_random_seed(args.seed)
    vggish = dict(type='VGGish')
    if args.checkpoint:
        vggish['init_cfg'] = dict(
            type='Pretrained', checkpoint=args.checkpoint)
    encoders = {
        'log-mel statistics': MODELS.build(dict(type='LogMelStats')),
        'VGGish' if args.checkpoint else 'VGGish, random weights':
        MODELS.build(vggish)
    }
    for encoder in encoders.values():
        if hasattr(encoder, 'init_weights'):
            encoder.init_weights()
    train_mels, train, names = read_split(cfg, 'train')
    known = train.any(0)
    splits = {split: read_split(cfg, split)[:2] for split in args.splits}
    rows, hardest = [], {}
    for title, encoder in encoders.items():
        features = encode(encoder, train_mels)
        mean, std = features.mean(0), features.std(0).clamp(min=1e-6)
        weight = fit((features - mean) / std, train)
        for split, (mels, truth) in splits.items():
            scores = (encode(encoder, mels) - mean) / std @ weight[:-1] + \
                weight[-1]
            there = [int(k) for k in (known & truth.any(0)).nonzero()]
            precisions = {
                names[k]: average_precision(scores[:, k], truth[:, k])
                for k in there
            }
            single = (truth.sum(1) == 1) & (truth & known).any(1)
            # what a guess by the share of each class would reach
            chance = np.mean([float(truth[:, k].float().mean())
                              for k in there])
            right = (scores[single].argmax(1) == truth[single].int().argmax(1))
            rows.append({
                'features': title,
                'split': split,
                'classes': str(len(there)),
                'mAP, %': format_number(
                    100 * np.mean([*precisions.values()]), 1),
                'chance': format_number(100 * chance, 1),
                'one class sounds: seconds': str(int(single.sum())),
                'found, %': format_number(100 * right.float().mean().item(), 1)
            })
            hardest[title] = sorted(precisions.items(), key=lambda x: x[1])
    print(format_table(rows, left=2))
    for title, precisions in hardest.items():
        listed = ', '.join(f'{name} {100 * value:.0f}'
                           for name, value in precisions[:args.hardest])
        print(f'hardest by {title}, {args.splits[-1]}: {listed}')


if __name__ == '__main__':
    main()
