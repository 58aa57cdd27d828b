# Copyright (c) mmteso contributors. All rights reserved.
"""The baseline of AVSBench for mmteso: TPAVI and its decoder.

Importing the package registers them in ``mmseg.registry``: name the package
in a config's ``custom_imports``, after mmteso.
"""
# First: it has to be there before anything imports mmseg.models.
import mmteso  # noqa: F401
from .avsbench_head import AVSBenchHead
from .tpavi import TPAVI

__all__ = ['AVSBenchHead', 'TPAVI']
