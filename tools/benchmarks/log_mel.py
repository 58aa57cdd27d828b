# Copyright (c) mmteso contributors. All rights reserved.
"""VGGish's log-mel of 10 s of sound: torchvggish, before and now."""
import argparse

from turns import add_options, measure, module_of, ratio, record, take_turns

SECONDS, BATCH = 10, 8


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser, 11)
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

import torch
from torchvggish.vggish_input import waveform_to_examples

from mmteso.audio import SAMPLE_RATE, log_mel_examples


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    before = module_of(args.baseline, 'mmteso/audio/log_mel.py',
                       'mmteso.audio.former').log_mel_examples
    generator = torch.Generator().manual_seed(0)
    clips = torch.randn(
        BATCH, SECONDS * SAMPLE_RATE, generator=generator) * .1
    clip, array = clips[0], clips[0].double().numpy()

    def reference():
        return waveform_to_examples(array, SAMPLE_RATE)

    for function in (before, log_mel_examples):
        torch.testing.assert_close(
            function(clip), reference().detach(), atol=1e-4, rtol=0)
    batch = f'now, a clip of a batch of {BATCH}'
    samples = take_turns({
        'torchvggish': lambda: measure(reference, 10),
        'before': lambda: measure(lambda: before(clip), 10),
        'now': lambda: measure(lambda: log_mel_examples(clip), 10),
        batch: lambda: measure(lambda: log_mel_examples(clips), 2),
    }, args.rounds)
    samples[batch] = [
        type(run)(run.wall / BATCH, run.cpu / BATCH) for run in samples[batch]
    ]
    single = ratio(samples, 'torchvggish', 'now')
    many = ratio(samples, 'torchvggish', batch)
    record(
        args, samples,
        name='log_mel',
        what=f'log-mel of {SECONDS} s, one thread: torchvggish by it; equal '
        'to 1e-4',
        target='at least 3, in batches at least 6',
        ratio=single,
        met=single >= 3 and many >= 6,
        packages=['torchvggish', 'numpy'],
        notes={
            'in batches': round(many, 2),
            'before by now': round(ratio(samples, 'before', 'now'), 2)
        })


if __name__ == '__main__':
    main()
