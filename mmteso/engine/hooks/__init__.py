# Copyright (c) mmteso contributors. All rights reserved.
from .avs_visualization_hook import AVSVisualizationHook
from .data_check_hook import DataCheckHook
from .plain_checkpoint_hook import (PlainCheckpointHook, restore_buffers,
                                    to_plain)
from .random_state_hook import RandomStateHook
from .start_checkpoint_hook import StartCheckpointHook

__all__ = [
    'AVSVisualizationHook', 'DataCheckHook', 'PlainCheckpointHook',
    'RandomStateHook', 'StartCheckpointHook', 'restore_buffers', 'to_plain'
]
