# Copyright (c) mmteso contributors. All rights reserved.
from .bottleneck import (AdaptedLinear, AdaptedMultiheadAttention,
                         BottleneckAdapter)
from .freezing import freeze, resolve_modules, set_eval
from .injection import inject_adapters

__all__ = [
    'AdaptedLinear', 'AdaptedMultiheadAttention', 'BottleneckAdapter',
    'freeze', 'inject_adapters', 'resolve_modules', 'set_eval'
]
