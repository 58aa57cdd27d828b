# Copyright (c) mmteso contributors. All rights reserved.
"""Fetch the files that configs need besides the data set, and check them.

    python tools/prepare_weights.py configs/teso/teso_swin-b_v1m.py
    python tools/prepare_weights.py configs/teso/*.py --check

Weights, models of the Hugging Face Hub, cue files, cue banks and cached
features: what is missing and public is downloaded, from another host where the
first one fails. Of all it says where they come from, under which license,
whether they are there and whether their SHA-256 is the known one ("unverified"
where none is known); with --check it says only that.
"""
import argparse
import sys

from mmteso.command_line import add_cfg_options, existing_file


def parse_args():
    parser = argparse.ArgumentParser(
        description='Download the files that configs need besides the data '
        'set, as far as they are public, and say of all whether they are '
        'there, where they come from and under which license. The licenses '
        'are yours to keep to.')
    parser.add_argument(
        'configs',
        nargs='+',
        type=existing_file,
        help='paths of config files')
    parser.add_argument(
        '--check',
        action='store_true',
        help='download nothing; exit with status 1 if a file is missing')
    add_cfg_options(parser)
    return parser, parser.parse_args()


if __name__ == '__main__':
    parse_args()  # before the imports that take seconds

from mmengine.config import Config

from mmteso.apis import check_weights, download_weights, format_weights


def download_missing(files):
    """Download what is public; what could not be, by name."""
    failed = []
    for file in files:
        if file.state != 'missing' or not file.fetchable:
            continue
        print(f'{file.url or file.hub_name} ...')
        try:
            download_weights(file, progress=sys.stderr.isatty())
        except (ImportError, OSError) as error:
            failed.append(str(error))
    return failed


def main():
    parser, args = parse_args()
    try:
        configs = {path: Config.fromfile(path) for path in args.configs}
        for cfg in configs.values():
            if args.cfg_options is not None:
                cfg.merge_from_dict(args.cfg_options)
        failed = []
        if not args.check:
            failed = download_missing(check_weights(configs))
        files = check_weights(configs, hashes=True)
    except (ImportError, KeyError, OSError, ValueError) as error:
        parser.error(str(error))
    print(format_weights(files))
    for line in failed:
        print(line, file=sys.stderr)
    failures = ('missing', 'wrong') if args.check else ('wrong', )
    if failed or any(file.state in failures for file in files):
        sys.exit(1)


if __name__ == '__main__':
    main()
