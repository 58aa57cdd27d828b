# Copyright (c) mmteso contributors. All rights reserved.
"""mmengine's loaders of checkpoints, which here run nothing of a file.

mmengine 0.10.12 unpickles freely what ``weights_only=True`` refuses, and
either distribution whatever comes from an address.
"""
import os
import os.path as osp
import re
import socket
import sys
from typing import Any, List, Optional
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier
from mmengine.runner import checkpoint as mmengine_checkpoint

from mmteso.logs import warn
from .config_text import runs_nothing
from .torch_files import CheckpointError, read_checkpoint

_register = mmengine_checkpoint.CheckpointLoader.register_scheme

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
    return osp.join(torch.hub.get_dir(), 'checkpoints',
                    osp.basename(urlparse(url).path))


def download_file(url: str, path: str, sha256: Optional[str] = None,
                  progress: bool = True, timeout: float = 30) -> None:
    """Download a file from the first of its hosts that has it.

    It appears at ``path`` when it is complete and its SHA-256 begins with the
    digits ``sha256``, if these are given. A host that is silent for
    ``timeout`` seconds is left. An OSError if no host has it; then nothing is
    kept.
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


@_register(prefixes='', force=True)
def load_from_local(filename: Any, map_location: Any = None) -> Any:
    """mmengine's loader of ``load_from``, ``init_cfg`` and ``resume``.

    It reads by :func:`mmteso.io.read_checkpoint`, and leaves out a config in
    the checkpoint that is more than data, which mmengine would run.
    """
    if isinstance(filename, str):
        filename = osp.expanduser(filename)
    checkpoint = read_checkpoint(filename, map_location)
    weights = checkpoint
    if isinstance(checkpoint, dict):
        weights = checkpoint.get('state_dict', {})
        if not isinstance(checkpoint.get('meta', {}), dict):
            raise CheckpointError(
                f'"{filename}" is no checkpoint of a training: its meta is a '
                f'{type(checkpoint["meta"]).__name__}')
    if not isinstance(weights, dict) or not all(
            isinstance(value, torch.Tensor) for value in weights.values()):
        raise CheckpointError(
            f'"{filename}" has no state_dict of weights by name, as '
            'checkpoints of mmengine have: is it another file?')
    # Runner.resume runs 'config', and an inferencer without config 'cfg'
    for *path, name in (('meta', 'config'), ('meta', 'cfg'),
                        ('message_hub', 'runtime_info', 'cfg')):
        texts = checkpoint
        for key in path:
            texts = texts.get(key) if isinstance(texts, dict) else None
        if (isinstance(texts, dict) and name in texts
                and not runs_nothing(texts[name])):
            del texts[name]
            warn(f'{".".join(path)}.{name} of {filename}, the text of a '
                 'config, is more than data, and is left out.')
    return checkpoint


@_register(prefixes=('http://', 'https://', 'file://'), force=True)
def load_from_http(filename: str, map_location: Any = None) -> Any:
    """mmengine's loader of addresses; those of OpenMMLab's files are asked
    one after the other, and their SHA-256 is compared."""
    path = cached_path(filename)
    # one process of each machine
    if os.environ.get('LOCAL_RANK', '0') == '0' and not osp.exists(path):
        known = filename.startswith(OPENMMLAB_HOSTS)
        download_file(filename, path,
                      hash_in_name(filename) if known else None,
                      sys.stderr.isatty())
    barrier()
    return load_from_local(path, map_location)


# what its loaders of other schemes (torchvision://, open-mmlab://, ...) call
mmengine_checkpoint.load_from_http = load_from_http
mmengine_checkpoint._safe_torch_load = load_from_local
