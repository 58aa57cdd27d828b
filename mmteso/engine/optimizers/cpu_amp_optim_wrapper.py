# Copyright (c) mmteso contributors. All rights reserved.
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmseg.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """Mixed precision on a CPU: autocast to bfloat16.

    mmengine's ``AmpOptimWrapper`` asserts that there is an accelerator.
    bfloat16 has float32's range, so that the loss needs no scaling. It is for
    finding out on a CPU what mixed precision does, not for speed.

    Args:
        **kwargs: Arguments of :class:`mmengine.optim.OptimWrapper`.
    """

    @contextmanager
    def optim_context(self, model: nn.Module):
        """Autocast the forward pass.

        Args:
            model (nn.Module): The model, possibly wrapped.
        """
        with super().optim_context(model), torch.autocast(
                'cpu', dtype=torch.bfloat16):
            yield
