# Copyright (c) mmteso contributors. All rights reserved.
"""Say which files configs need besides the data set, and get them.

    python tools/prepare_weights.py configs/teso/teso_swin-b_v1m.py
    python tools/prepare_weights.py configs/teso/*.py --check

Weights, models of the Hugging Face Hub, cue files, cue banks and cached
features: where each comes from, under which license, whether it is there and,
with --check, whether its SHA-256 is the known one. Of some, no SHA-256 is
known: they are then called unverified.
"""
import argparse
import sys

from mmengine.config import Config

from mmteso.apis import check_weights, download_weights, format_weights
from mmteso.engine import add_cfg_options


def parse_args():
    parser = argparse.ArgumentParser(
        description='Say which files configs need besides the data set, where '
        'they come from and whether they are there.')
    parser.add_argument('configs', nargs='+', help='paths of config files')
    parser.add_argument(
        '--check',
        action='store_true',
        help='compare the SHA-256 of the files too, where one is known '
        '("unverified" where none is), and exit with status 1 if a file is '
        'missing or wrong')
    parser.add_argument(
        '--download',
        action='store_true',
        help='download what is missing and has an address; the licenses are '
        'yours to keep to')
    add_cfg_options(parser)
    return parser, parser.parse_args()


def download_missing(files):
    """Download what can be; what could not be, by name."""
    failed = []
    for file in files:
        if file.state != 'missing' or not (file.url or file.hub_name):
            continue
        print(f'{file.url or file.hub_name} ...')
        try:
            download_weights(file, progress=sys.stderr.isatty())
        except (ImportError, OSError, RuntimeError) as error:
            failed.append(f'{file.reference}: {error}')
    return failed


def main():
    parser, args = parse_args()
    try:
        configs = {path: Config.fromfile(path) for path in args.configs}
        for cfg in configs.values():
            if args.cfg_options is not None:
                cfg.merge_from_dict(args.cfg_options)
        failed = []
        if args.download:
            failed = download_missing(check_weights(configs))
        files = check_weights(configs, hashes=args.check)
    except (KeyError, OSError, ValueError) as error:
        parser.error(str(error))
    print(format_weights(files))
    for line in failed:
        print(f'not downloaded: {line}', file=sys.stderr)
    if failed or (args.check
                  and any(f.state in ('missing', 'wrong') for f in files)):
        sys.exit(1)


if __name__ == '__main__':
    main()
