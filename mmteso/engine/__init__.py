# Copyright (c) mmteso contributors. All rights reserved.
from .hooks import PlainCheckpointHook, RandomStateHook

__all__ = ['PlainCheckpointHook', 'RandomStateHook']
