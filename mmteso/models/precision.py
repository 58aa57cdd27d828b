# Copyright (c) mmteso contributors. All rights reserved.
import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """Half precision to float32; float32 and float64 stay as they are."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
