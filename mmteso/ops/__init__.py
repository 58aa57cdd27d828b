# Copyright (c) mmteso contributors. All rights reserved.
"""Stand-in for mmcv's compiled ops, put in place when this is imported."""
from .ms_deform_attn import (attend, ms_deform_attn_backward,
                             ms_deform_attn_forward)
from .stand_in import ExtensionStandIn, install, is_stand_in

install()

__all__ = [
    'ExtensionStandIn', 'attend', 'install', 'is_stand_in',
    'ms_deform_attn_backward', 'ms_deform_attn_forward'
]
