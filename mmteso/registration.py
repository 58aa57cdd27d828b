# Copyright (c) mmteso contributors. All rights reserved.
"""Fills mmseg's registries when something is looked up in them, and puts
safe loaders of checkpoints and a faster deformable attention in the place of
mmengine's and mmcv's.

``import mmteso`` loads neither torch nor mmseg, so that a tool reads its
arguments first and is told at once what is wrong with them. What mmteso
registers is imported as mmseg's own models are: by the registry, at the first
look-up.
"""
import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Optional

# the rooms in which something is registered
ROOMS = ('mmteso.datasets', 'mmteso.models', 'mmteso.evaluation',
         'mmteso.engine')
EXTENSION = 'mmcv._ext'

HOW_TO_COMPILE = (
    'To get the compiled ops, build mmcv against the installed torch, e.g. '
    '`pip install --no-build-isolation --no-binary onedl-mmcv --no-cache-dir '
    '--force-reinstall --no-deps onedl-mmcv` (about 12 minutes on 2 cores; '
    'the classic distribution: the same with `mmcv` after removing '
    '`mmcv-lite`). mmteso uses them as soon as they are there.')


def announce(module: ModuleType) -> None:
    """Tell the registries in ``mmseg.registry`` where mmteso's modules are."""
    from mmengine.registry import Registry
    for registry in vars(module).values():
        if isinstance(registry, Registry):
            registry._locations = [*registry._locations, *ROOMS]
            registry._imported = False


def guard(module: ModuleType) -> None:
    """Put readers that run nothing in the place of mmengine's loaders."""
    importlib.import_module('mmteso.io.weight_hosts')


def attend_by_level(module: ModuleType) -> None:
    """Deformable attention without compiled ops, so any on a CPU, is ours."""
    ops = importlib.import_module('mmteso.ops')
    module.multi_scale_deformable_attn_pytorch = ops.attend


# what is done as soon as a module is imported
AFTER = {
    'mmseg.registry': announce,
    'mmengine.runner.checkpoint': guard,
    'mmcv.ops.multi_scale_deform_attn': attend_by_level
}


class ImportHook:
    """Acts before ``mmcv.ops`` is imported and after those of ``AFTER``."""

    @staticmethod
    def find_spec(name: str, path=None, target=None) -> Optional[ModuleSpec]:
        if name == 'mmcv.ops':
            # puts the stand-in for the compiled ops in place
            importlib.import_module('mmteso.ops')
        if name not in AFTER:
            return None  # the others find it
        spec = PathFinder.find_spec(name, path, target)
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            AFTER[name](module)

        spec.loader.exec_module = exec_module
        return spec


def register() -> None:
    """Register all of mmteso, as late as possible.

    Raises:
        ImportError: If mmseg.models was imported before without compiled ops.
    """
    # With some versions `import mmseg.models` survives the missing extension
    # and keeps hollow classes (Mask2FormerHead becomes a bare BaseModule),
    # with others it fails half-way and leaves such modules behind. Neither
    # can be repaired afterwards.
    early = sorted(name for name in sys.modules
                   if name == 'mmseg.models' or name.startswith(
                       ('mmseg.models.', 'mmdet.models.')))
    if (early and EXTENSION not in sys.modules
            and importlib.util.find_spec(EXTENSION) is None):
        raise ImportError(
            'mmseg.models was imported before mmteso, and mmcv has no '
            f'compiled ops: {len(early)} modules of mmseg and mmdet (such as '
            f'{early[0]}) have already been loaded without them, and would '
            'fail later in odd ways. Start again and `import mmteso` first, '
            'before mmseg.models, mmseg.apis and mmdet.models. With a tool '
            'that imports mmseg.apis by itself, run it as `python -c "import '
            'mmteso, runpy, sys; sys.argv = sys.argv[1:]; '
            'runpy.run_path(sys.argv[0], run_name=\'__main__\')" TOOL '
            f'ARGUMENTS`. {HOW_TO_COMPILE}')
    for name, act in AFTER.items():
        if name in sys.modules:
            act(sys.modules[name])
    sys.meta_path.insert(0, ImportHook)
