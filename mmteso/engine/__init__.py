# Copyright (c) mmteso contributors. All rights reserved.
"""What mmengine's runner does not have: hooks, audio conditions, CPU modes."""
from .amp import enable_amp
from .audio_condition import (AUDIO_CONDITIONS, audio_condition_dataloader,
                              audio_condition_transform,
                              insert_audio_condition)
from .audio_evaluation import evaluate_audio_conditions, format_audio_report
from .distributed import leave_cpu_distributed, prepare_cpu_distributed
from .hooks import AVSVisualizationHook, PlainCheckpointHook, RandomStateHook
from .optimizers import CPUAmpOptimWrapper, TrainableOptimWrapperConstructor
from .sound_steps import describe_sound, find_sound_steps
from .strict_json import plain, write_json

__all__ = [
    'AUDIO_CONDITIONS', 'AVSVisualizationHook', 'CPUAmpOptimWrapper',
    'PlainCheckpointHook', 'RandomStateHook',
    'TrainableOptimWrapperConstructor', 'audio_condition_dataloader',
    'audio_condition_transform', 'describe_sound', 'enable_amp',
    'evaluate_audio_conditions', 'find_sound_steps', 'format_audio_report',
    'insert_audio_condition', 'leave_cpu_distributed', 'plain',
    'prepare_cpu_distributed', 'write_json'
]
