# Copyright (c) mmteso contributors. All rights reserved.
"""Where the time of a training step of the demo goes, before and now.

    python tools/dataset_converters/prepare_synthavs.py data/synthavs --reuse
    python tools/benchmarks/step_profile.py --baseline DIR

One thread, on the CPU, by torch.profiler, whose own cost is in it: the shares
count. tools/benchmarks/training_step.py compares the time.
"""
import argparse
import json
import os.path as osp
import re
import statistics
from collections import defaultdict
from typing import Callable, Dict, List

from training_step import STEPS
from turns import (ROOT, Sample, add_options, add_training_options, last_words,
                   ratio, record, take_turns)

PROFILE = STEPS.split('times = []')[0] + """
import json
from torch.profiler import ProfilerActivity, profile
with profile(activities=[ProfilerActivity.CPU]) as found:
    for step in range(int(sys.argv[3])):
        start = time.perf_counter(), time.process_time()
        model.train_step(batches[step % 3], optim)
print(json.dumps({event.key: event.self_cpu_time_total / int(sys.argv[3])
                  for event in found.key_averages()}))
"""
#: The first that matches an operator's name.
GROUPS = {
    'sampling': 'grid_sampl|upsample|interpolate',
    'convolution': 'conv|pool',
    'attention and matrices': r'attention|addmm|bmm|::mm|matmul|linear|einsum|'
                              r'softmax',
    'normalisation': 'norm',
    'optimiser': 'Optimizer|_foreach|adam|lerp|addcdiv|addcmul',
    'matching': 'cdist|linear_sum|topk|sort|::item|_local_scalar',
    'indexing': 'index|gather|scatter|select|slice|where|nonzero|copy_|cat|'
                'stack|clone|view|reshape|expand|permute|transpose|stride',
    'elementwise': '.',
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_options(parser)
    add_training_options(parser, steps=3)
    return parser.parse_args()


def profile_step(tree: str, args: argparse.Namespace) -> Dict[str, float]:
    """Microseconds of each operator in a step, without what it calls."""
    return json.loads(last_words(
        ['-c', PROFILE, osp.join(tree, args.config),
         osp.abspath(args.data_root), str(args.steps), '1'], tree))


def table(runs: List[Dict[str, float]]) -> List[Dict[str, str]]:
    """Groups, the largest first, with their three largest operators."""
    names = sorted({name for run in runs for name in run})
    median = {name: statistics.median(run.get(name, 0.) for run in runs)
              for name in names}
    groups: Dict[str, list] = defaultdict(list)
    for name in sorted(median, key=lambda name: -median[name]):
        group = next(title for title, pattern in GROUPS.items()
                     if re.search(pattern, name))
        groups[group].append(name)
    sums = {group: sum(median[name] for name in members)
            for group, members in groups.items()}
    total = sum(sums.values())
    return [{
        'group': group,
        'ms': f'{sums[group] / 1000:.1f}',
        'share': f'{100 * sums[group] / total:.0f} %',
        'largest': ', '.join(name.replace('aten::', '')
                             for name in groups[group][:3])
    } for group in sorted(sums, key=lambda group: -sums[group])]


def main() -> None:
    args = parse_args()
    runs: Dict[str, list] = dict(before=[], now=[])

    def way(name: str, tree: str) -> Callable[[], Sample]:
        def turn() -> Sample:
            runs[name].append(profile_step(tree, args))
            seconds = sum(runs[name][-1].values()) / 1e6
            return Sample(seconds, seconds)
        return turn

    samples = take_turns(
        dict(before=way('before', args.baseline), now=way('now', ROOT)),
        args.rounds)
    record(
        args, samples, name='profile',
        what=f"Operators' own time in a step of {osp.basename(args.config)} "
        'under torch.profiler, one thread: now, by before',
        target='', ratio=ratio(samples, 'now', 'before'), met=None,
        tables={f'A step of the demo, {name}': table(found[1:])
                for name, found in runs.items()})


if __name__ == '__main__':
    main()
