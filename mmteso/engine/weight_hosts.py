# Copyright (c) mmteso contributors. All rights reserved.
"""OpenMMLab's weights, which lie on more than one host."""
import os
import os.path as osp
import re
import socket
import sys
from typing import List, Optional

import torch
from mmengine.runner.checkpoint import CheckpointLoader, load_from_http

# The same paths on each. The second one is that of the onedl packages, whose
# configs and metafiles name it for every file that ours take from the first.
OPENMMLAB_HOSTS = ('https://download.openmmlab.com/',
                   'https://mmassets.onedl.ai/')


def same_files(url: str) -> List[str]:
    """A file's address, and those on the other hosts of OpenMMLab's files."""
    paths = [url[len(x):] for x in OPENMMLAB_HOSTS if url.startswith(x)]
    others = [host + path for path in paths for host in OPENMMLAB_HOSTS]
    return list(dict.fromkeys([url, *others]))


def hash_in_name(name: str) -> Optional[str]:
    """Digits of its SHA-256 that a name ends with: 'resnet50-19c8e357.pth'."""
    match = re.search(r'-([0-9a-f]{8,64})\.\w+$', name)
    return match and match.group(1)


def cached_path(url: str) -> str:
    """Where torch.hub, and with it mmengine, keeps what it downloads."""
    return osp.join(torch.hub.get_dir(), 'checkpoints', osp.basename(url))


def download_file(url: str, path: str, sha256: Optional[str] = None,
                  progress: bool = True, timeout: float = 30) -> None:
    """Download a file from the first of its hosts that has it.

    It appears under its name when it is complete.

    Args:
        url (str): One of its addresses.
        path (str): Where to put it.
        sha256 (str, optional): Digits that its SHA-256 has to begin with.
            Defaults to None: not compared.
        progress (bool): Show a bar. Defaults to True.
        timeout (float): Seconds of silence after which the next host is
            asked. Defaults to 30.

    Raises:
        OSError: If no host has it. Nothing is kept.
    """
    os.makedirs(osp.dirname(path) or '.', exist_ok=True)
    failed = []
    # torch.hub's function has no such argument
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(timeout)
    try:
        for address in same_files(url):
            try:
                torch.hub.download_url_to_file(
                    address, path, hash_prefix=sha256, progress=progress)
                return
            except (OSError, RuntimeError) as error:  # the latter: its hash
                failed.append(f'{address}: {error}')
    finally:
        socket.setdefaulttimeout(before)
    raise OSError('\n  '.join(
        [f'{osp.basename(path)} could not be downloaded:', *failed]) +
                  f'\nGet it elsewhere, and put it at {path}')


@CheckpointLoader.register_scheme(prefixes=OPENMMLAB_HOSTS)
def load_from_openmmlab(filename: str, map_location=None) -> dict:
    """mmengine's loader of ``load_from`` and ``init_cfg`` for these hosts.

    It asks the other hosts where one has no answer, and compares the SHA-256.
    """
    path = cached_path(filename)
    # one process of each machine; load_from_http lets the others wait
    if os.environ.get('LOCAL_RANK', '0') == '0' and not osp.exists(path):
        download_file(filename, path, hash_in_name(filename),
                      sys.stderr.isatty())
    return load_from_http(filename, map_location)
