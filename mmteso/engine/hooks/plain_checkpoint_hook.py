# Copyright (c) mmteso contributors. All rights reserved.
"""Checkpoints that hold only tensors and plain Python types."""
from collections import OrderedDict
from typing import Any, List

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmseg.registry import HOOKS

from mmteso.logs import warn
from mmteso.version import __version__

# A history buffer becomes a dict that has this key.
_BUFFER = 'history_buffer'
_PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.Size,
          torch.dtype, torch.device)


class _NotPlain(Exception):
    pass


def to_plain(value: Any, dropped: List[str], path: str = '') -> Any:
    """Convert a nested state to tensors and plain Python types.

    NumPy scalars become numbers, arrays of numbers tensors, subclasses of
    dict, list, str and so on their base type, a ``HistoryBuffer`` a dict of
    tensors. What cannot be converted is left out of the dict that holds it;
    ``dropped`` gets its path and type.
    """
    # bool, np.float64 and str enums are subclasses of plain types, so exact
    # types first
    if isinstance(value, torch.Tensor) or type(value) in _PLAIN:
        return value
    if isinstance(value, HistoryBuffer):
        values, counts = value.data
        return {
            _BUFFER: torch.from_numpy(values.copy()),
            'counts': torch.from_numpy(counts.copy()),
            'max_length': int(value.max_length)
        }
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in 'biufc':
        return torch.from_numpy(np.ascontiguousarray(value))
    if isinstance(value, dict):
        items = OrderedDict() if isinstance(value, OrderedDict) else {}
        for key, item in value.items():
            here = f'{path}.{key}' if path else str(key)
            try:
                items[to_plain(key, dropped, here)] = to_plain(
                    item, dropped, here)
            except _NotPlain:
                dropped.append(f'{here} ({type(item).__name__})')
        if isinstance(items, OrderedDict):  # a state dict's `_metadata`
            items.__dict__.update(to_plain(vars(value), dropped, path))
        return items
    # an element of these cannot be left out without moving the others
    for kind in (list, tuple, set):
        if isinstance(value, kind):
            return kind(to_plain(item, dropped, path) for item in value)
    for kind in (bool, int, float, str, bytes):
        if isinstance(value, kind):
            return kind(value)
    raise _NotPlain


@HOOKS.register_module()
class PlainCheckpointHook(Hook):
    """Keeps checkpoints readable by ``torch.load(weights_only=True)``.

    mmengine's message hub puts pickled objects into checkpoints, which
    ``torch.load`` refuses by default since torch 2.6: mmengine 0.10.7 can't
    resume then, later versions trust the file. With this hook a checkpoint
    holds tensors and plain types only; history buffers are restored when it
    is loaded. Its ``meta`` tells the version of mmteso.
    """

    # after the hooks that add to a checkpoint
    priority = 'LOWEST'

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Convert all of a checkpoint."""
        # for people: whose defaults hold where the config leaves them open
        checkpoint.setdefault('meta', {})['mmteso_version'] = __version__
        dropped: List[str] = []
        checkpoint.update(to_plain(checkpoint, dropped))
        if dropped:
            warn('Left out of the checkpoint, because only tensors and plain '
                 f'types are saved: {", ".join(dropped)}')

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Restore the history buffers of the message hub."""
        scalars = checkpoint.get('message_hub', {}).get('log_scalars', {})
        for name, value in scalars.items():
            if isinstance(value, dict) and _BUFFER in value:
                scalars[name] = HistoryBuffer(value[_BUFFER].cpu().numpy(),
                                              value['counts'].cpu().numpy(),
                                              value['max_length'])
