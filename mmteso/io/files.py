# Copyright (c) mmteso contributors. All rights reserved.
"""Files as such: written whole, hashed, and read as YAML or JSON."""
import hashlib
import json
import math
import os
import os.path as osp
from collections import Counter
from contextlib import contextmanager
from typing import (Any, Callable, Dict, Iterator, List, Mapping, Optional,
                    Tuple, Union)

import numpy as np
import yaml
from mmengine.fileio import get


@contextmanager
def atomic_write(path: str) -> Iterator[str]:
    """A context that writes a file which appears when it is complete.

    It gives the path to write to instead, which is gone after an error. An
    existing file is replaced at the end, a folder made if needed.
    """
    os.makedirs(osp.dirname(path) or '.', exist_ok=True)
    partial = f'{path}.{os.getpid()}.partial'
    with open(partial, 'wb') as file:
        usual = os.fstat(file.fileno()).st_mode & 0o777
    try:
        yield partial
        # safetensors 0.8 leaves files that nobody but their owner can read
        os.chmod(partial, usual)
        with open(partial, 'rb') as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        if osp.exists(partial):
            os.remove(partial)


def write_file(path: str, content: Union[str, bytes]) -> None:
    """Write a file, a text in UTF-8, whole or not at all."""
    with atomic_write(path) as partial, open(partial, 'wb') as file:
        file.write(content.encode() if isinstance(content, str) else content)


def file_sha256(path: str) -> str:
    """SHA-256 of a file, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
    return digest.hexdigest()


class _StrictLoader(yaml.SafeLoader):
    """Plain data only, and no key twice."""

    def construct_mapping(self, node, deep=False):
        # of a key that is no scalar the value is a list of nodes
        _no_key_twice([(repr(key.value), None) for key, _ in node.value])
        return super().construct_mapping(node, deep)


def _no_key_twice(pairs: List[Tuple[Any, Any]]) -> Dict[Any, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise ValueError(f'the key {counts.most_common(1)[0][0]} occurs twice')
    return values


def parse_yaml(content: Union[str, bytes]) -> Any:
    """Read YAML that a user wrote; a ValueError says what is wrong where.

    Unlike :func:`mmengine.fileio.load` it makes plain data only, whatever the
    text says, and a key that occurs twice in a mapping is an error, where
    usually the first value is dropped without a word.
    """
    try:
        return yaml.load(content, Loader=_StrictLoader)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(' '.join(str(error).split())) from error


_STRICT_JSON = json.JSONDecoder(object_pairs_hook=_no_key_twice)


def parse_json(content: Union[str, bytes]) -> Any:
    """Read JSON, in which no key may occur twice in an object."""
    if isinstance(content, bytes):
        content = content.decode(json.detect_encoding(content))
    return _STRICT_JSON.decode(content)


def read_yaml(path: str, backend_args: Optional[dict] = None) -> Any:
    """Read a YAML file as :func:`parse_yaml` does; errors name the file."""
    return _read(path, 'YAML', parse_yaml, backend_args)


def read_json(path: str, backend_args: Optional[dict] = None) -> Any:
    """Read a JSON file as :func:`parse_json` does; errors name the file."""
    return _read(path, 'JSON', parse_json, backend_args)


def read_text(path: str, backend_args: Optional[dict] = None) -> str:
    """Read a text in UTF-8, with or without a byte order mark; a ValueError
    that names the file if it is none."""
    try:
        return get(path, backend_args=backend_args).decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(
            f'"{path}" is no text in UTF-8 ({error}); save it as such'
        ) from error


def _read(path: str, kind: str, parse: Callable[[bytes], Any],
          backend_args: Optional[dict]) -> Any:
    try:
        return parse(get(path, backend_args=backend_args))
    except (ValueError, RecursionError) as error:
        raise ValueError(f'"{path}" is no {kind} file: {error}') from error


def plain(value: Any) -> Any:
    """Turn a nested report (mappings, sequences, numbers, NumPy's too,
    strings, None) into what JSON can hold.

    Numbers that are not finite become None, since JSON has no NaN (Python's
    encoder writes one nevertheless, which others refuse).
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(report: Mapping[str, Any], path: str) -> None:
    """Write a report as JSON that every parser reads; see :func:`plain`."""
    text = json.dumps(plain(report), indent=2, allow_nan=False)
    write_file(path, f'{text}\n')
