# Copyright (c) mmteso contributors. All rights reserved.
from .avs_visualization_hook import AVSVisualizationHook
from .plain_checkpoint_hook import (PlainCheckpointHook, restore_buffers,
                                    to_plain)
from .random_state_hook import RandomStateHook
from .start_checkpoint_hook import StartCheckpointHook
from .strict_checkpoint_hook import StrictCheckpointHook

__all__ = [
    'AVSVisualizationHook', 'PlainCheckpointHook', 'RandomStateHook',
    'StartCheckpointHook', 'StrictCheckpointHook', 'restore_buffers',
    'to_plain'
]
