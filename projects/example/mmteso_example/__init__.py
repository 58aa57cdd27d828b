# Copyright (c) mmteso contributors. All rights reserved.
"""An audio encoder of one's own for mmteso.

Importing the package registers it in ``mmseg.registry``: name the package in
a config's ``custom_imports``, after mmteso.
"""
# First: it has to be there before anything imports mmseg.models.
import mmteso  # noqa: F401
from .log_mel_conv import LogMelConv

__all__ = ['LogMelConv']
