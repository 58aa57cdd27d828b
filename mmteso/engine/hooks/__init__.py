# Copyright (c) mmteso contributors. All rights reserved.
from .avs_visualization_hook import AVSVisualizationHook
from .class_check_hook import ClassCheckHook
from .data_check_hook import DataCheckHook
from .finite_loss_hook import FiniteLossHook
from .grad_norm_hook import GradNormHook
from .plain_checkpoint_hook import PlainCheckpointHook
from .random_state_hook import RandomStateHook
from .safe_checkpoint_hook import SafeCheckpointHook
from .training_summary_hook import TrainingSummaryHook

__all__ = [
    'AVSVisualizationHook', 'ClassCheckHook', 'DataCheckHook',
    'FiniteLossHook', 'GradNormHook', 'PlainCheckpointHook', 'RandomStateHook',
    'SafeCheckpointHook', 'TrainingSummaryHook'
]
