# Copyright (c) mmteso contributors. All rights reserved.
import hashlib
import os

from tqdm import tqdm

_CHUNK = 1 << 22
_SHOW_PROGRESS_FROM = 1 << 28  # bytes; a smaller file takes no second


def file_sha256(path: str) -> str:
    """SHA-256 of a file, as :class:`mmteso.io.Provenance` records it.

    The file is read piece by piece; a large one shows a progress bar where
    the output is a terminal.

    Args:
        path (str): The file.

    Returns:
        str: The hash, 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    size = os.path.getsize(path)
    with open(path, 'rb') as file, tqdm(
            total=size,
            unit='B',
            unit_scale=True,
            desc=f'SHA-256 of {os.path.basename(path)}',
            leave=False,
            disable=None if size >= _SHOW_PROGRESS_FROM else True) as bar:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            bar.update(len(chunk))
    return digest.hexdigest()
