# Copyright (c) mmteso contributors. All rights reserved.
"""What mmengine's runner does not have: hooks, audio conditions, CPU modes."""
from mmteso.io.weight_hosts import OPENMMLAB_HOSTS, download_file, same_files
from .audio_condition import (audio_conditions_dataloader,
                              insert_audio_conditions)
from .audio_control_loop import AudioControlLoop, evaluate_audio_conditions
from .audio_report import (describe_sounds, flat_scores, format_audio_report,
                           make_audio_report, protocols)
from .config_comparison import config_differences, warn_of_other_config
from .distributed import (explain_lost_process, leave_cpu_distributed,
                          prepare_cpu_distributed)
from .hooks import (AVSVisualizationHook, ClassCheckHook, DataCheckHook,
                    FiniteLossHook, GradNormHook, PlainCheckpointHook,
                    RandomStateHook, SafeCheckpointHook, TrainingSummaryHook)
from .options import (CPUAmpOptimWrapper, build_runner, enable_amp,
                      merge_cfg_options, read_config, read_runner_config,
                      resume_from_work_dir, set_data_root)
from .sound_steps import describe_sound, find_sound_steps
from .strict_loading import (StartCheckpointHook, StrictCheckpointHook,
                             require_whole_checkpoint, strict_loading)
from .trainable_constructor import TrainableOptimWrapperConstructor
from .without_masks import predict_without_masks

__all__ = [
    'AVSVisualizationHook', 'AudioControlLoop', 'CPUAmpOptimWrapper',
    'ClassCheckHook', 'DataCheckHook', 'FiniteLossHook', 'GradNormHook',
    'OPENMMLAB_HOSTS', 'PlainCheckpointHook', 'RandomStateHook',
    'SafeCheckpointHook', 'StartCheckpointHook', 'StrictCheckpointHook',
    'TrainableOptimWrapperConstructor', 'TrainingSummaryHook',
    'audio_conditions_dataloader', 'build_runner', 'config_differences',
    'describe_sound', 'describe_sounds', 'download_file', 'enable_amp',
    'evaluate_audio_conditions', 'explain_lost_process', 'find_sound_steps',
    'flat_scores', 'format_audio_report', 'insert_audio_conditions',
    'leave_cpu_distributed', 'make_audio_report', 'merge_cfg_options',
    'predict_without_masks', 'prepare_cpu_distributed', 'protocols',
    'read_config', 'read_runner_config', 'require_whole_checkpoint',
    'resume_from_work_dir', 'same_files', 'set_data_root', 'strict_loading',
    'warn_of_other_config'
]
