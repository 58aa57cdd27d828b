# Copyright (c) mmteso contributors. All rights reserved.
"""Packages that only some of mmteso's parts need."""
import importlib
from types import ModuleType


def require(package: str, extra: str) -> ModuleType:
    """Import a package that an extra of mmteso brings.

    Args:
        package (str): Its import name, or that of a module in it, e.g.
            'soundfile' or 'transformers.models.sam.modeling_sam'.
        extra (str): The extra, e.g. 'audio' of ``pip install mmteso[audio]``.

    Returns:
        ModuleType: The module of that name.

    Raises:
        ImportError: If it cannot be imported, with what to install.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f'The package {package.split(".")[0]} is needed here, but cannot '
            f'be imported: {error}.\nInstall it by '
            f"pip install 'mmteso[{extra}]'") from error
