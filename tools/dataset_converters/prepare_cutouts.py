# Copyright (c) mmteso contributors. All rights reserved.
"""Write the cutouts testbed: real looks and sounds on photographs."""
import argparse

from mmteso.choices import BACKGROUNDS, PACKAGES, STAMPS
from mmteso.testbeds.command_line import add_testbed_options, write_testbed


def parse_args():
    parser = argparse.ArgumentParser(
        description='Compose the cutouts testbed, in the layout of AVSBench-'
        "semantic (it is not AVSBench), of the files of Debian's packages "
        f'{", ".join(PACKAGES)}. The same arguments and packages give the '
        'same bytes.')
    parser.add_argument(
        'out', nargs='?', help='folder to write, e.g. data/cutouts')
    parser.add_argument(
        '--table',
        action='store_true',
        help='write nothing: print what is in the testbed, as Markdown')
    parser.add_argument(
        '--stamps',
        default=f'/{STAMPS}',
        help="folder of Tux Paint's stamps (default: %(default)s)")
    parser.add_argument(
        '--backgrounds',
        default=f'/{BACKGROUNDS}',
        help='folder of the backgrounds (default: %(default)s)')
    parser.add_argument(
        '--fetch',
        nargs='?',
        const='data/cutouts-packages',
        metavar='DIR',
        help='in place of the two: download the packages (224 MB) with '
        'apt-get into this folder, unless they are there, and unpack them '
        'without installing (default: %(const)s)')
    parser.add_argument(
        '--videos',
        type=int,
        default=960,
        help='number of videos in all, split 10:1:2:1:2 into train, val, '
        'test, test_exemplar and test_unseen (default: %(default)s)')
    add_testbed_options(parser, 'the testbed', size=128)
    args = parser.parse_args()
    if args.out is None and not args.table:
        parser.error('name the folder to write')
    return parser, args


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmteso.tables import format_table
from mmteso.testbeds.cutouts import (CUTOUTS, ROLES, Sources,
                                     fetch_packages, generate_cutouts,
                                     read_catalogue)


def print_table(sources):
    """What is in the testbed, by role and by class."""
    catalogue = read_catalogue()
    by_role, by_class = [], []
    for role in ROLES:
        entries = catalogue.of_roles(role)
        seconds = {
            entry.name: sum(sources.seconds(name) for name in entry.sounds)
            for entry in entries
        }
        by_role.append({
            'role': role,
            'classes': len(entries),
            'pictures': sum(len(entry.pictures) for entry in entries),
            'recordings': sum(len(entry.sounds) for entry in entries),
            'seconds': f'{sum(seconds.values()):.1f}'
        })
        by_class += [{
            'class': entry.name,
            'role': role,
            'relatives': ', '.join(entry.relatives),
            'its recording': entry.judged,
            'pictures': len(entry.pictures),
            'recordings': len(entry.sounds),
            'seconds': f'{seconds[entry.name]:.1f}'
        } for entry in entries if entry.sounding]
    print(format_table(by_role, markdown=True))
    for split, names in catalogue.backgrounds.items():
        print(f'\nbackgrounds of {split}: {", ".join(names)}')
    print(f'\n{format_table(by_class, markdown=True, left=4)}')
    for role in ('mute', 'still'):
        names = ', '.join(e.name for e in catalogue.of_roles(role))
        print(f'\n{role}: {names}')


def main():
    parser, args = parse_args()

    def sources():
        if args.fetch:
            args.stamps, args.backgrounds = fetch_packages(args.fetch)
        return Sources(args.stamps, args.backgrounds)

    if not args.table:
        write_testbed(
            parser, args, CUTOUTS, lambda out, **arguments: generate_cutouts(
                out, sources(), **arguments))
        return
    try:
        print_table(sources())
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        parser.error(str(error))


if __name__ == '__main__':
    main()
