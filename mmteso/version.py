# Copyright (c) mmteso contributors. All rights reserved.
"""The version of mmteso, and which versions of the stack it works with.

This file imports nothing outside the standard library at module level:
``setup.py`` reads the version from it.
"""
import importlib.metadata
import importlib.util
import re
from typing import Dict, Mapping, Optional, Tuple

__version__ = '0.1.0'

# import name -> distribution name -> (lowest version, first version too new)
Range = Tuple[str, Optional[str]]
ONEDL: Dict[str, Dict[str, Range]] = {
    'mmengine': {
        'onedl-mmengine': ('0.10.9', '1.0.0')
    },
    'mmcv': {
        'onedl-mmcv': ('2.3.0', '3.0.0')
    },
    'mmseg': {
        'onedl-mmsegmentation': ('1.4.0', '2.0.0')
    },
    'mmdet': {
        'onedl-mmdetection': ('3.5.0', '4.0.0')
    },
}
OPENMMLAB: Dict[str, Dict[str, Range]] = {
    'mmengine': {
        'mmengine': ('0.10.0', '1.0.0'),
        'mmengine-lite': ('0.10.0', '1.0.0')
    },
    # mmseg 1.2 and mmdet 3.3 refuse mmcv 2.2
    'mmcv': {
        'mmcv': ('2.0.0', '2.2.0'),
        'mmcv-lite': ('2.0.0', '2.2.0')
    },
    'mmseg': {
        'mmsegmentation': ('1.2.0', '2.0.0')
    },
    'mmdet': {
        'mmdet': ('3.1.0', '4.0.0')
    },
}
TORCH: Range = ('2.0.0', None)

_ADVICE = ('Install exactly one of the two in a fresh environment: '
           '`pip install "mmteso[onedl]"` (maintained, the default) or '
           '`pip install "mmteso[openmmlab]"` (classic).')


def _release(version: str) -> Tuple[int, ...]:
    """The numbers of '2.13.0+cpu' or '1.4.0rc1', for comparison."""
    match = re.match(r'\d+(\.\d+)*', version)
    if match is None:
        raise ValueError(f'{version!r} is not a version number')
    numbers = [int(number) for number in match.group().split('.')]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _in_range(version: str, allowed: Range) -> bool:
    lowest, too_new = allowed
    return _release(lowest) <= _release(version) and (
        too_new is None or _release(version) < _release(too_new))


def _say(name: str, allowed: Range) -> str:
    lowest, too_new = allowed
    return f'{name}>={lowest}' + (f',<{too_new}' if too_new else '')


def installed_versions() -> Dict[str, str]:
    """Versions of torch and of all OpenMMLab distributions, by name.

    Returns:
        Dict[str, str]: What is installed; torch's with its build, e.g.
        ``'2.14.1+cu130'``.
    """
    names = ['torch']
    for family in (ONEDL, OPENMMLAB):
        for distributions in family.values():
            names.extend(distributions)
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
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
    found = installed_versions() if found is None else found
    problems = []
    if 'torch' in found:
        if not _in_range(found['torch'], TORCH):
            problems.append(f'torch {found["torch"]} is installed, but '
                            f'{_say("torch", TORCH)} is needed')
    elif not importable('torch'):
        problems.append('torch is not installed: install the build for your '
                        'machine as https://pytorch.org says')
    families = {
        name: sorted(distribution for distributions in family.values()
                     for distribution in distributions
                     if distribution in found)
        for name, family in (('onedl', ONEDL), ('openmmlab', OPENMMLAB))
    }
    if families['onedl'] and families['openmmlab']:
        problems.append(
            'both OpenMMLab distributions are installed, and their packages '
            'overwrite each other: ' + ', '.join(families['onedl']) + ' and ' +
            ', '.join(families['openmmlab']))
    else:
        family = OPENMMLAB if families['openmmlab'] else ONEDL
        for module, distributions in family.items():
            present = [name for name in distributions if name in found]
            if not present and not importable(module):
                problems.append(
                    f'{module} is missing: ' +
                    ' or '.join(_say(name, allowed)
                                for name, allowed in distributions.items()) +
                    ' provides it')
            if len(present) > 1:
                problems.append(f'{" and ".join(present)} both provide '
                                f'{module}: keep one of them')
            for name in present:
                if not _in_range(found[name], distributions[name]):
                    problems.append(
                        f'{name} {found[name]} is installed, but '
                        f'{_say(name, distributions[name])} is needed')
    if problems:
        raise ImportError(
            'mmteso cannot work with the installed packages:\n  - ' +
            '\n  - '.join(problems) + f'\n{_ADVICE}')
