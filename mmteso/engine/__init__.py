# Copyright (c) mmteso contributors. All rights reserved.
"""What mmengine's runner does not have: hooks, audio conditions, CPU modes."""
from .amp import enable_amp
from .audio_condition import (AUDIO_CONDITIONS, audio_condition_dataloader,
                              audio_condition_transform,
                              audio_conditions_dataloader,
                              insert_audio_condition, insert_audio_conditions)
from .audio_control_loop import AudioControlLoop
from .audio_evaluation import evaluate_audio_conditions
from .audio_report import flat_scores, format_audio_report, make_audio_report
from .cfg_options import add_cfg_options, merge_cfg_options
from .distributed import leave_cpu_distributed, prepare_cpu_distributed
from .hooks import (AVSVisualizationHook, DataCheckHook, PlainCheckpointHook,
                    RandomStateHook, StartCheckpointHook)
from .optimizers import CPUAmpOptimWrapper, TrainableOptimWrapperConstructor
from .resume_option import resume_from_work_dir
from .sound_steps import describe_sound, find_sound_steps
from .strict_json import plain, write_json

__all__ = [
    'AUDIO_CONDITIONS', 'AVSVisualizationHook', 'AudioControlLoop',
    'CPUAmpOptimWrapper', 'DataCheckHook', 'PlainCheckpointHook',
    'RandomStateHook', 'StartCheckpointHook',
    'TrainableOptimWrapperConstructor', 'add_cfg_options',
    'audio_condition_dataloader', 'audio_condition_transform',
    'audio_conditions_dataloader', 'describe_sound', 'enable_amp',
    'evaluate_audio_conditions', 'find_sound_steps', 'flat_scores',
    'format_audio_report', 'insert_audio_condition', 'insert_audio_conditions',
    'leave_cpu_distributed', 'make_audio_report', 'merge_cfg_options', 'plain',
    'prepare_cpu_distributed', 'resume_from_work_dir', 'write_json'
]
