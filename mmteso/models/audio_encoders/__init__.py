# Copyright (c) mmteso contributors. All rights reserved.
from .log_mel_stats import LogMelStats
from .vggish import VGGish

__all__ = ['LogMelStats', 'VGGish']
