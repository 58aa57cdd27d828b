# Copyright (c) mmteso contributors. All rights reserved.
from collections import defaultdict
from typing import Dict, List, Optional, Tuple

from mmengine.optim import OptimWrapper
from mmengine.utils.dl_utils.parrots_wrapper import _BatchNorm, _InstanceNorm
from mmseg.registry import (OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS,
                            OPTIMIZERS)
from torch import nn

from mmteso.logs import warn
from .model_parts import unwrap

_NORMS = (_BatchNorm, _InstanceNorm, nn.GroupNorm, nn.LayerNorm)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class TrainableOptimWrapperConstructor:
    """Gives the optimiser what trains, and nothing else.

    Differs from mmengine's ``DefaultOptimWrapperConstructor`` in three ways:
    frozen parameters do not reach the optimiser; keys are paths of modules or
    parameters instead of substrings, a key that names nothing is an error, and
    one that names only what is frozen (a ResNet has no adapters) is said to
    have no effect; parameters with the same options share a group. What each
    rate trains is logged by :class:`TrainingSummaryHook`.

    Args:
        optim_wrapper_cfg (dict): Config of the optimiser wrapper, with
            ``optimizer``.
        paramwise_cfg (dict, optional): ``custom_keys`` maps a path, such as
            ``'backbone'`` or ``'decode_head.query_embed'``, to
            ``dict(lr_mult=1., decay_mult=1.)``; the longest matching path
            counts. ``norm_decay_mult`` and ``bias_decay_mult`` scale the
            weight decay of normalisation layers and of other biases; both
            multiply with a custom ``decay_mult``. Defaults to None.

    Raises:
        ValueError: If ``paramwise_cfg`` holds an unknown option or a key that
            names no parameter, or nothing trains.
    """

    def __init__(self,
                 optim_wrapper_cfg: dict,
                 paramwise_cfg: Optional[dict] = None) -> None:
        self.optim_wrapper_cfg = dict(optim_wrapper_cfg)
        self.optimizer_cfg = dict(self.optim_wrapper_cfg.pop('optimizer'))
        self.mults = dict(paramwise_cfg or {})
        self.keys = dict(self.mults.pop('custom_keys', {}))
        for where, options, known in (
            ('', self.mults, {'norm_decay_mult', 'bias_decay_mult'}),
                *((f'.custom_keys[{key!r}]', options,
                   {'lr_mult', 'decay_mult'})
                  for key, options in self.keys.items())):
            if set(options) - known:
                raise ValueError(f'paramwise_cfg{where} may hold '
                                 f'{sorted(known)}, but got '
                                 f'{sorted(set(options) - known)}')

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimiser wrapper of a model."""
        model = unwrap(model)
        optimizer = OPTIMIZERS.build(
            dict(self.optimizer_cfg, params=self.param_groups(model)))
        return OPTIM_WRAPPERS.build(
            dict(dict(type='OptimWrapper'), **self.optim_wrapper_cfg),
            default_args=dict(optimizer=optimizer))

    def param_groups(self, model: nn.Module) -> List[dict]:
        """Trainable parameters: ``params``, ``lr`` and ``weight_decay``."""
        self._check_keys(model)
        groups: Dict[Tuple[float, float], list] = defaultdict(list)
        seen = set()
        for prefix, module in model.named_modules():
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.requires_grad and parameter not in seen:
                    seen.add(parameter)
                    path = f'{prefix}.{name}' if prefix else name
                    groups[self._options(path, module)].append(parameter)
        if not groups:
            raise ValueError('no parameter of the model requires a gradient')
        return [
            dict(params=params, lr=lr, weight_decay=decay)
            for (lr, decay), params in groups.items()
        ]

    def _options(self, path: str, module: nn.Module) -> Tuple[float, float]:
        key = max((key for key in self.keys if _names(key, path)),
                  key=len,
                  default=None)
        custom = self.keys.get(key, {})
        lr = self.optimizer_cfg['lr'] * custom.get('lr_mult', 1.)
        decay = self.optimizer_cfg.get('weight_decay', 0.)
        decay *= custom.get('decay_mult', 1.)
        if isinstance(module, _NORMS):
            decay *= self.mults.get('norm_decay_mult', 1.)
        elif path.endswith('bias'):
            decay *= self.mults.get('bias_decay_mult', 1.)
        return lr, decay

    def _check_keys(self, model: nn.Module) -> None:
        for key in self.keys:
            trains = [
                parameter.requires_grad
                for path, parameter in model.named_parameters()
                if _names(key, path)
            ]
            if not trains:
                raise ValueError(
                    f'paramwise_cfg.custom_keys: {key!r} names no parameter '
                    f'of {type(model).__name__}; its modules are '
                    f'{[name for name, _ in model.named_children()]}')
            if not any(trains):
                warn(f'paramwise_cfg.custom_keys: {key!r} has no effect, all '
                     'it names is frozen')


def _names(key: str, path: str) -> bool:
    return f'{path}.'.startswith(f'{key}.')
