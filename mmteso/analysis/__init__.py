# Copyright (c) mmteso contributors. All rights reserved.
"""What is found out about models; only ``tools/`` imports it."""
from .first_steps import FirstSteps, PartStep, first_steps, format_first_steps
from .influence import Influence, describe_prompt, measure_influence
from .simulated import (TEXT_STATISTICS, TextStatistics, model_without_files,
                        simulated_batches)

__all__ = [
    'FirstSteps', 'Influence', 'PartStep', 'TEXT_STATISTICS', 'TextStatistics',
    'describe_prompt', 'first_steps', 'format_first_steps',
    'measure_influence', 'model_without_files', 'simulated_batches'
]
