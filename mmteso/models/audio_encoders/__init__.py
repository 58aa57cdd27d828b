# Copyright (c) mmteso contributors. All rights reserved.
from .beats import BEATS_CFG, BEATs
from .frozen_audio_encoder import FrozenAudioEncoder
from .log_mel_stats import LogMelStats
from .transformers_audio_encoder import TransformersAudioEncoder
from .vggish import VGGish

__all__ = [
    'BEATS_CFG', 'BEATs', 'FrozenAudioEncoder', 'LogMelStats',
    'TransformersAudioEncoder', 'VGGish'
]
