# Copyright (c) mmteso contributors. All rights reserved.
"""Ways of doing the same, measured in turns; the page of what came out.

    python tools/benchmarks/turns.py

writes docs/benchmarks.md anew from the records in docs/benchmarks/. The
scripts beside this one measure, print a table and write a record each.
"""
import argparse
import glob
import importlib.metadata
import importlib.util
import json
import os
import os.path as osp
import platform
import statistics
import subprocess
import sys
import time
from types import ModuleType
from typing import (Any, Callable, Dict, List, Mapping, NamedTuple, Optional,
                    Sequence)

from mmteso.tables import format_table
from mmteso.version import installed_versions

ROOT = osp.dirname(osp.dirname(osp.dirname(osp.abspath(__file__))))
RECORDS = osp.join(ROOT, 'docs', 'benchmarks')
PAGE = osp.join(ROOT, 'docs', 'benchmarks.md')
#: What and target of records that nobody could make yet.
PLANNED = {
    'gpu_step': ('A training step on a GPU', ''),
    'gpu_five_sounds': ('5 sounds with one picture, by one sound, on a GPU',
                        ''),
    'gpu_loading': ('Frames that the workers load by those that a training '
                    'step on a GPU eats', ''),
    'gpu_ddp': ('Training on several GPUs by training on one', ''),
}
MARKS = ('<!-- from the records -->', '<!-- end -->')


class Sample(NamedTuple):
    """Seconds of one run."""
    wall: float
    cpu: float  # of all threads, and of children where they are measured


def measure(way: Callable[[], Any], times: int = 1) -> Sample:
    """What a call takes in this process, a mean over ``times``."""
    start = time.perf_counter(), time.process_time()
    for _ in range(times):
        way()
    return Sample((time.perf_counter() - start[0]) / times,
                  (time.process_time() - start[1]) / times)


def measure_python(words: Sequence[str],
                   tree: str = ROOT,
                   status: int = 0) -> Sample:
    """What a Python process takes that imports mmteso from ``tree``; a
    RuntimeError if it ends with another status."""
    environment = {**os.environ, 'PYTHONPATH': tree}
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, '-W', 'ignore', *words],
                               cwd=tree,
                               env=environment,
                               stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    with process.stderr:
        said = process.stderr.read()
    _, result, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(result)
    wall = time.perf_counter() - start
    if process.returncode != status:
        raise RuntimeError(f'{words} ended with {process.returncode}: '
                           f'{said.decode()[-2000:]}')
    return Sample(wall, usage.ru_utime + usage.ru_stime)


def last_words(words: Sequence[str], tree: str = ROOT,
               **environ: str) -> str:
    """The last line of a Python process that imports mmteso from ``tree``."""
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', *words], cwd=tree, check=True,
        env={**os.environ, 'PYTHONPATH': tree, **environ},
        stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()[-1]


def module_of(tree: str, path: str, name: str) -> ModuleType:
    """A module of another checkout under a name of its own; what it imports
    of mmteso is ours."""
    spec = importlib.util.spec_from_file_location(name, osp.join(tree, path))
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def take_turns(ways: Mapping[str, Callable[[], Sample]],
               rounds: int) -> Dict[str, List[Sample]]:
    """A B C A B C ...: what else the machine does meets all ways alike.

    A round before them, which isn't kept, warms up files and caches.
    """
    samples: Dict[str, List[Sample]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            sample = way()
            if number:
                samples[name].append(sample)
    return samples


def ratio(samples: Mapping[str, Sequence[Sample]], one: str,
          other: str, clock: str = 'cpu') -> float:
    """Median over the rounds of ``one`` by ``other``, round by round."""
    return statistics.median(
        getattr(a, clock) / getattr(b, clock)
        for a, b in zip(samples[one], samples[other]))


def add_options(parser: argparse.ArgumentParser,
                rounds: int = 5,
                baseline: Optional[str] = None) -> None:
    """The options of all scripts here; without a ``baseline`` to be named."""
    parser.add_argument(
        '--baseline', metavar='DIR', default=baseline, required=not baseline,
        help='checkout of the commit to compare with, e.g. made by git '
        'worktree add DIR COMMIT')
    parser.add_argument(
        '--rounds', type=int, default=rounds,
        help='in each, all ways take their turn (default: %(default)s)')
    parser.add_argument(
        '--out', metavar='FOLDER', default=RECORDS,
        help='for the record (default: docs/benchmarks)')


def add_training_options(parser: argparse.ArgumentParser,
                         steps: Optional[int] = None) -> None:
    """The options of scripts that train the demo's model, some steps of it
    or all."""
    parser.add_argument(
        '--config', default='configs/teso/teso-cue_r18_synthavs.py',
        help='which config (default: %(default)s)')
    parser.add_argument(
        '--data-root', default='data/synthavs',
        help='its data (default: %(default)s)')
    if steps:
        parser.add_argument(
            '--steps', type=int, default=steps,
            help='in each turn (default: %(default)s)')


def commit_of(tree: str) -> str:
    """The commit of a checkout, with a plus if files differ from it."""
    return subprocess.run(
        ['git', '-C', tree, 'describe', '--always', '--abbrev=7',
         '--exclude=*', '--dirty=+'],
        check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def describe_hardware() -> str:
    """The processor, its cores and the memory."""
    name = platform.machine()
    try:
        with open('/proc/cpuinfo') as file:
            name = next(line.split(': ')[1].strip() for line in file
                        if line.startswith('model name'))
    except (OSError, StopIteration):
        pass
    memory = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    return (f'{os.cpu_count()} cores of {name}, {memory / 2 ** 30:.0f} GiB, '
            'no GPU')


def record(args: argparse.Namespace,
           samples: Mapping[str, Sequence[Sample]],
           *,
           name: str,
           what: str,
           target: str,
           ratio: float,
           met: Optional[bool],
           packages: Sequence[str] = (),
           notes: Optional[Mapping[str, Any]] = None,
           tables: Optional[Mapping[str, Sequence[dict]]] = None) -> None:
    """Print the table of a claim, and write its record, ``{name}.json``.

    ``args`` are of :func:`add_options`, ``samples`` of :func:`take_turns`.
    ``what`` says of what ``ratio`` is one, ``target`` what it should be, in
    words; ``met`` is None if there is no target. Versions of ``packages``
    matter; ``notes`` are further numbers, ``tables`` rows of further tables by
    their title, which the page shows.
    """
    def spread(values: Sequence[float]) -> Dict[str, float]:
        return dict(
            median=float(f'{statistics.median(values):.4g}'),
            min=float(f'{min(values):.4g}'),
            max=float(f'{max(values):.4g}'))

    seconds = {
        way: {clock: spread([getattr(run, clock) for run in runs])
              for clock in Sample._fields}
        for way, runs in samples.items()
    }
    script = osp.relpath(osp.abspath(sys.argv[0]), ROOT)
    versions = {'python': platform.python_version(), **installed_versions()}
    versions.update((name, importlib.metadata.version(name))
                    for name in packages)
    entry = dict(
        name=name,
        what=what,
        target=target,
        ratio=float(f'{ratio:.4g}'),
        met=met if met is None else bool(met),
        baseline=commit_of(args.baseline),
        commit=commit_of(ROOT),
        command=f'python {script}' +
        ' --baseline DIR' * (args.baseline != ROOT),
        hardware=describe_hardware(),
        load=[round(value, 1) for value in os.getloadavg()],
        versions=versions,
        rounds=args.rounds,
        seconds=seconds,
        notes=dict(notes or {}))
    if tables:
        entry['tables'] = {title: list(rows) for title, rows in tables.items()}
    print(format_table([{
        'way': way,
        **{f'{clock} {key}, s': f'{value:.4g}'
           for clock, values in clocks.items()
           for key, value in values.items()}
    } for way, clocks in seconds.items()]))
    print(f'{what}: {ratio:.3g}' + (
        '' if met is None else
        f'; target: {target}; {"met" if met else "not met"}'))
    for title, rows in (tables or {}).items():
        print(f'{title}\n{format_table(rows)}')
    for key, value in entry['notes'].items():
        print(f'{key}: {value}')
    os.makedirs(args.out, exist_ok=True)
    with open(osp.join(args.out, f'{name}.json'), 'w',
              encoding='utf-8') as file:
        json.dump(entry, file, indent=1)
        file.write('\n')


def page(folder: str = RECORDS) -> str:
    """The tables of docs/benchmarks.md, from the records."""
    records = []
    for path in sorted(glob.glob(osp.join(folder, '*.json'))):
        with open(path, encoding='utf-8') as file:
            records.append(json.load(file))
    rows = [{
        'what': entry['what'],
        'target': entry['target'],
        'measured': f'{entry["ratio"]:g}',
        'met': {None: '', True: 'yes', False: '**no**'}[entry['met']],
        'baseline': entry['baseline'],
        'commit': entry['commit'],
        'record': f'[{entry["name"]}](benchmarks/{entry["name"]}.json)',
    } for entry in records]
    there = {entry['name'] for entry in records}
    rows += [{
        'what': what,
        'target': target,
        'measured': 'not measured',
        **dict.fromkeys(('met', 'baseline', 'commit', 'record'), '')
    } for name, (what, target) in PLANNED.items() if name not in there]
    lines = [format_table(rows, markdown=True, left=2), '']
    for entry in records:
        for title, rows in entry.get('tables', {}).items():
            lines += [f'{title}:', '', format_table(
                rows, markdown=True, left=4), '']
    for hardware in sorted({entry['hardware'] for entry in records}):
        lines.append(f'Hardware: {hardware}.')
    lines += [
        '', '```bash',
        '# needs a checkout of the baseline, minutes of CPU'
    ]
    lines += sorted({entry['command'] for entry in records}) + ['```']
    return '\n'.join(lines)


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__.split('\n')[0]).parse_args()
    with open(PAGE, encoding='utf-8') as file:
        text = file.read()
    before, rest = text.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    with open(PAGE, 'w', encoding='utf-8') as file:
        file.write(f'{before}{MARKS[0]}\n{page()}\n{MARKS[1]}{after}')


if __name__ == '__main__':
    main()
