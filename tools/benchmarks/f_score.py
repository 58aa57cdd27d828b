# Copyright (c) mmteso contributors. All rights reserved.
"""F of a frame at 255 thresholds, by a loop over them, before and now."""
import argparse
import resource

from turns import add_options, measure, module_of, ratio, record, take_turns

THRESHOLDS = 255
FRAMES = 4750  # of the test set of AVSBench-semantic
SIZE = 224


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser, 11)
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

import torch

from mmteso.evaluation.functional import average_frames, f_curve, score_frame


def loop(score: torch.Tensor, gt: torch.Tensor) -> torch.Tensor:
    """F as AVSBench defines it, a threshold at a time."""
    values = torch.zeros(THRESHOLDS)
    truth = gt.float()
    thresholds = torch.linspace(0, 1 - 1e-10, THRESHOLDS)
    for index, threshold in enumerate(thresholds):
        predicted = (score >= threshold).float()
        hits = (predicted * truth).sum()
        precision = hits / (predicted.sum() + 1e-20)
        recall = hits / (truth.sum() + 1e-20)
        values[index] = 1.3 * precision * recall / (.3 * precision + recall)
    return values.nan_to_num_(0)


def test_set() -> dict:
    """Frames scored one by one: what the process has grown by."""
    generator = torch.Generator().manual_seed(0)
    frames, start = [], 0
    for number in range(FRAMES):
        score = torch.rand(SIZE, SIZE, generator=generator)
        frames.append(score_frame(score, (score > .3).long()))
        if number == FRAMES // 10:
            start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    end = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    average_frames(frames)
    return {f'growth over the last nine tenths of {FRAMES} frames, MiB':
            round((end - start) / 1024, 1)}


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    before = module_of(
        args.baseline, 'mmteso/evaluation/functional/foreground.py',
        'former').f_curve
    generator = torch.Generator().manual_seed(0)
    score = torch.rand(SIZE, SIZE, generator=generator)
    gt = torch.rand(SIZE, SIZE, generator=generator) < .3
    for values in (score, (score * 4).round() / 4):
        expected = loop(values, gt)
        assert torch.equal(f_curve(values, gt), expected)
        assert torch.equal(before(values, gt), expected)
    samples = take_turns({
        'a loop over the thresholds': lambda: measure(
            lambda: loop(score, gt), 2),
        'before': lambda: measure(lambda: before(score, gt), 10),
        'now': lambda: measure(lambda: f_curve(score, gt), 50),
    }, args.rounds)
    value = ratio(samples, 'a loop over the thresholds', 'now')
    record(
        args, samples,
        name='f_score',
        what=f'F of {SIZE} x {SIZE} pixels at {THRESHOLDS} thresholds: a loop '
        'over them, by it; equal to the last digit',
        target='at least 60',
        ratio=value,
        met=value >= 60,
        notes={
            'before by now': round(ratio(samples, 'before', 'now'), 2),
            **test_set()
        })


if __name__ == '__main__':
    main()
