# Copyright (c) mmteso contributors. All rights reserved.
from typing import Dict

from torch import Tensor, nn


def load_part(module: nn.Module, state_dict: Dict[str, Tensor],
              folder: str) -> None:
    """Load all weights of a part; only adapters' may be missing.

    Args:
        module (nn.Module): The part.
        state_dict (dict[str, Tensor]): Its weights.
        folder (str): Where they come from, for the message.

    Raises:
        RuntimeError: If a weight is missing, unknown or of another shape.
    """
    try:
        result = module.load_state_dict(state_dict, strict=False)
    except RuntimeError as error:
        raise RuntimeError(f'the weights in "{folder}" do not fit: {error}'
                           ) from error
    missing = [key for key in result.missing_keys if '.adapter.' not in key]
    if missing or result.unexpected_keys:
        raise RuntimeError(f'the weights in "{folder}" do not fit: missing '
                           f'{missing}, unknown {result.unexpected_keys}')
