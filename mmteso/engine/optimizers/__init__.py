# Copyright (c) mmteso contributors. All rights reserved.
from .cpu_amp_optim_wrapper import CPUAmpOptimWrapper
from .trainable_constructor import TrainableOptimWrapperConstructor

__all__ = ['CPUAmpOptimWrapper', 'TrainableOptimWrapperConstructor']
