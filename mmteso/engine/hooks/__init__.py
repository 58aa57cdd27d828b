# Copyright (c) mmteso contributors. All rights reserved.
from .avs_visualization_hook import AVSVisualizationHook
from .class_check_hook import ClassCheckHook
from .plain_checkpoint_hook import (PlainCheckpointHook, restore_buffers,
                                    to_plain)
from .random_state_hook import RandomStateHook
from .start_checkpoint_hook import StartCheckpointHook

__all__ = [
    'AVSVisualizationHook', 'ClassCheckHook', 'PlainCheckpointHook',
    'RandomStateHook', 'StartCheckpointHook', 'restore_buffers', 'to_plain'
]
