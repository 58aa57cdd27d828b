# Copyright (c) mmteso contributors. All rights reserved.
"""What is found out about models; only ``tools/`` imports it."""
from .influence import Influence, describe_prompt, measure_influence
from .simulated import TEXT_STATISTICS, random_model, simulated_inputs

__all__ = [
    'Influence', 'TEXT_STATISTICS', 'describe_prompt', 'measure_influence',
    'random_model', 'simulated_inputs'
]
