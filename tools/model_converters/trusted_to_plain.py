# Copyright (c) mmteso contributors. All rights reserved.
"""Write what is plain of a checkpoint that the others refuse to read."""
import argparse
import os.path as osp
from typing import List

import torch

from mmteso.engine.hooks.plain_checkpoint_hook import to_plain
from mmteso.io import atomic_write


def main() -> None:
    parser = argparse.ArgumentParser(
        description='Write the tensors and plain values of a checkpoint that '
        'holds other types, such as argparse.Namespace, to a file that is '
        'read everywhere. THIS RUNS WHAT THE FILE SAYS: do it with a file '
        'whose author you trust, or on a machine that has nothing to lose.')
    parser.add_argument('source', help='the checkpoint')
    parser.add_argument('out', help='file to write, *.pth')
    parser.add_argument(
        '--trust',
        action='store_true',
        help='without it nothing is read')
    args = parser.parse_args()
    if not args.trust:
        parser.error(f'reading "{args.source}" runs what it says. If you '
                     'trust its author, add --trust')
    if osp.exists(args.out):
        parser.error(f'"{args.out}" exists already')
    # the one place that does
    content = torch.load(args.source, map_location='cpu', weights_only=False)
    if isinstance(content, torch.nn.Module):
        content = content.state_dict()
    dropped: List[str] = []
    plain = to_plain(dict(content), dropped)
    with atomic_write(args.out) as partial:
        torch.save(plain, partial)
    print(f'{args.out}: {", ".join(map(str, plain))}')
    if dropped:
        print(f'left out: {", ".join(dropped)}')


if __name__ == '__main__':
    main()
