# Copyright (c) mmteso contributors. All rights reserved.
"""Options that tools share. Reading them imports nothing that takes seconds.
"""
import os.path as osp
from argparse import Action, ArgumentError, ArgumentParser, ArgumentTypeError

from mmteso.choices import AUDIO_CONDITIONS, NOISE_REFERENCES


class CfgOptionsAction(Action):
    """mmengine's ``DictAction``, which keeps the spaces in a single value.

    mmengine drops all of them, so that ``data_root="my data"`` looks for a
    folder 'mydata'; here only those in lists and tuples.
    """

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        for text in values:
            if '=' not in text:
                raise ArgumentError(self, f'{text!r} is not KEY=VALUE')
        from mmengine.config import DictAction
        options = dict(getattr(namespace, self.dest) or {})
        for text in values:
            key, value = text.split('=', 1)
            value = value.strip().strip('\'"')
            if ' ' not in value or any(sign in value for sign in ',[('):
                value = DictAction._parse_iterable(value)
            options[key] = value
        setattr(namespace, self.dest, options)


def add_cfg_options(parser: ArgumentParser, example: str = '') -> None:
    """Add mmengine's ``--cfg-options`` to a tool, with an example of use."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=CfgOptionsAction,
        metavar='KEY=VALUE',
        help='override settings of the config'
        f'{example and ", e.g. "}{example}. A list is written key="[a,b]" or '
        'key=a,b; nested: key="[(a,b),(c,d)]", in quotation marks. Spaces '
        'are kept in a single value, and dropped in a list')


def add_data_root(parser: ArgumentParser) -> None:
    """Add ``--data-root`` to a tool's options, for
    :func:`mmteso.engine.set_data_root`."""
    parser.add_argument(
        '--data-root',
        metavar='DIR',
        help='folder of the data, of all data sets in the config, with cue '
        "file, cue bank and cached features; default: the config's")


def add_runner_options(parser: ArgumentParser) -> None:
    """Add what tools that train and test have in common, for
    :func:`mmteso.engine.read_runner_config`."""
    parser.add_argument(
        '--work-dir',
        help='folder for logs, checkpoints and results; default: work_dir in '
        'the config, else work_dirs/<name of the config>')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what started several processes; default: none')
    # torch.distributed.launch of torch >= 2.0 passes --local-rank
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def add_audio_conditions(parser: ArgumentParser) -> None:
    """Add ``--audio`` and what it depends on, for tools that test models."""
    parser.add_argument(
        '--audio',
        nargs='+',
        default=AUDIO_CONDITIONS,
        metavar='CONDITION',
        help='audio conditions, as of tools/test.py (default: '
        f'{" ".join(AUDIO_CONDITIONS)})')
    parser.add_argument(
        '--audio-reference',
        choices=NOISE_REFERENCES,
        default='snr',
        help='what the level of the noise refers to (default: %(default)s)')
    parser.add_argument(
        '--audio-seed',
        type=int,
        default=0,
        help='of the noise, the off-screen clips and whatever else is drawn '
        'by chance (default: %(default)s)')
    parser.add_argument(
        '--off-screen-groups',
        metavar='TABLE',
        help='take off-screen sound from another broad group of classes, as '
        'of tools/test.py')


def existing_file(path: str) -> str:
    """The type of an argument that names a file: a config, a checkpoint."""
    if not osp.isfile(path):
        raise ArgumentTypeError(f'there is no file {path}')
    return path
