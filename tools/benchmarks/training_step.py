# Copyright (c) mmteso contributors. All rights reserved.
"""A training step of the demo, with another commit, in turns.

    python tools/dataset_converters/prepare_synthavs.py data/synthavs --reuse
    python tools/benchmarks/training_step.py --baseline DIR

One thread, on the CPU: forward, backward and optimizer, on batches that are
loaded before, with what tools/train.py sets there.
"""
import argparse
import os.path as osp

from turns import (ROOT, Sample, add_options, add_training_options, last_words,
                   ratio, record, take_turns)

# as tools/train.py does since there is such a thing
SETTINGS = 'from mmteso.cpu import keep_freed_memory as keep; keep()\n'
# what a process of each commit does; prints the seconds of a step
STEPS = """
import statistics, sys, time, torch, mmteso
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS

torch.set_num_threads(int(sys.argv[4]))
torch.manual_seed(0)
cfg = Config.fromfile(sys.argv[1])
init_default_scope('mmseg')
cfg.train_dataloader.dataset.data_root = sys.argv[2]
cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
loader = iter(Runner.build_dataloader(cfg.train_dataloader, seed=0))
batches = [next(loader) for _ in range(3)]
model = MODELS.build(cfg.model)
model.init_weights()
model.train()
optim = build_optim_wrapper(model, cfg.optim_wrapper)
model.train_step(batches[0], optim)
times = []
for step in range(int(sys.argv[3])):
    start = time.perf_counter(), time.process_time()
    model.train_step(batches[step % 3], optim)
    times.append((time.perf_counter() - start[0],
                  time.process_time() - start[1]))
print(*map(statistics.median, zip(*times)))
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Time the training step of a config here and at another '
        'commit, in turns.')
    add_options(parser)
    add_training_options(parser, steps=6)
    return parser.parse_args()


def median_step(tree: str, config: str, data_root: str, steps: int,
                threads: int = 1, first: str = '', **environ: str) -> Sample:
    """The median of some steps of a config, in a process of its own, in whose
    environment ``environ`` is and which runs the code ``first`` at first."""
    said = last_words(
        ['-c', first + STEPS, osp.join(tree, config), osp.abspath(data_root),
         str(steps), str(threads)], tree, **environ)
    return Sample(*map(float, said.split()))


def main() -> None:
    args = parse_args()
    measured = args.config, args.data_root, args.steps
    samples = take_turns({
        'before': lambda: median_step(args.baseline, *measured),
        'now': lambda: median_step(ROOT, *measured, first=SETTINGS)
    }, args.rounds)
    value = ratio(samples, 'now', 'before')
    record(
        args, samples,
        name='training_step',
        what=f'A training step of {osp.basename(args.config)}, one thread: '
        'now, by before',
        target='at most 0.55',
        ratio=value,
        met=value <= .55)


if __name__ == '__main__':
    main()
