# Copyright (c) mmteso contributors. All rights reserved.
"""The version of mmteso, and which versions of the stack it works with.

``setup.py`` reads the version from this file.
"""
import importlib.metadata
import importlib.util
import re
from typing import Dict, Mapping, Optional, Tuple

__version__ = '0.1.0'

# distribution: (what it provides, lowest version, first version too new)
_FAMILIES: Dict[str, Dict[str, Tuple[str, str, str]]] = dict(
    onedl={
        'onedl-mmengine': ('mmengine', '0.10.9', '1.0.0'),
        'onedl-mmcv': ('mmcv', '2.3.0', '3.0.0'),
        'onedl-mmsegmentation': ('mmseg', '1.4.0', '2.0.0'),
        'onedl-mmdetection': ('mmdet', '3.5.0', '4.0.0'),
    },
    openmmlab={
        'mmengine': ('mmengine', '0.10.0', '1.0.0'),
        'mmengine-lite': ('mmengine', '0.10.0', '1.0.0'),
        # mmseg 1.2 and mmdet 3.3 refuse mmcv 2.2
        'mmcv': ('mmcv', '2.0.0', '2.2.0'),
        'mmcv-lite': ('mmcv', '2.0.0', '2.2.0'),
        'mmsegmentation': ('mmseg', '1.2.0', '2.0.0'),
        'mmdet': ('mmdet', '3.1.0', '4.0.0'),
    })
_TORCH = ('2.6.0', '')

_ADVICE = ('Install exactly one of the two in a fresh environment: '
           '`pip install "mmteso[onedl]"` (maintained, the default) or '
           '`pip install "mmteso[openmmlab]"` (classic).')


def _release(version: str) -> Tuple[int, ...]:
    """The numbers of '2.13.0+cpu' or '1.4.0rc1', for comparison."""
    match = re.match(r'\d+(\.\d+)*', version)
    if match is None:
        raise ValueError(f'{version!r} is not a version number')
    return tuple(map(int, match.group().split('.')))


def _distributions() -> Dict[str, str]:
    """Versions by name, without importing anything."""
    found = {}
    for name in ('torch', *_FAMILIES['onedl'], *_FAMILIES['openmmlab']):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def installed_versions() -> Dict[str, str]:
    """Versions of torch and of all OpenMMLab distributions, by name.

    Returns:
        Dict[str, str]: What is installed; torch's with its build, e.g.
        ``'2.14.1+cu130'``.
    """
    found = _distributions()
    if 'torch' in found:
        # the metadata of PyPI's wheels leave out the build
        import torch
        found['torch'] = str(torch.__version__)
    return found


def _importable(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def check_versions(found: Optional[Mapping[str, str]] = None,
                   importable=_importable) -> None:
    """Raise one clear error if the installed packages don't go together.

    Args:
        found (Mapping[str, str], optional): Distribution name -> version.
            Defaults to what is installed.
        importable (Callable): Tells whether a module can be found although
            no distribution of a known name provides it (a source checkout on
            ``PYTHONPATH``); its version is then not checked.

    Raises:
        ImportError: If torch or one of mmengine, mmcv, mmseg and mmdet is
            missing, if two distributions provide the same of them, if both
            families are mixed, or if a version is out of range. The message
            lists every problem.
    """
    found = _distributions() if found is None else found
    onedl, classic = (
        [name for name in family if name in found]
        for family in _FAMILIES.values())
    problems = []
    if 'torch' not in found and not importable('torch'):
        problems.append('torch is not installed: install the build for your '
                        'machine as https://pytorch.org says')
    if onedl and classic:
        problems.append(
            'both OpenMMLab distributions are installed, and their packages '
            f'overwrite each other: {", ".join(onedl)} and '
            f'{", ".join(classic)}')
        family = {}
    else:
        family = _FAMILIES['openmmlab' if classic else 'onedl']
    for module in dict.fromkeys(module for module, *_ in family.values()):
        names = [name for name in family if family[name][0] == module]
        present = [name for name in names if name in found]
        if not present and not importable(module):
            problems.append(f'{module} is missing: install '
                            f'{" or ".join(names)}')
        if len(present) > 1:
            problems.append(f'{" and ".join(present)} both provide '
                            f'{module}: keep one of them')
    ranges = {name: limits for name, (_, *limits) in family.items()}
    for name, (lowest, too_new) in {'torch': _TORCH, **ranges}.items():
        if name in found and not (_release(lowest) <= _release(found[name]) <
                                  _release(too_new or '1000')):
            needed = f'>={lowest}' + (f',<{too_new}' if too_new else '')
            problems.append(
                f'{name} {found[name]} is installed, but {needed} is needed')
    if problems:
        raise ImportError(
            'mmteso cannot work with the installed packages:\n  - ' +
            '\n  - '.join(problems) + f'\n{_ADVICE}')
