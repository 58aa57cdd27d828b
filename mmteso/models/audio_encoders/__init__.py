# Copyright (c) mmteso contributors. All rights reserved.
from .beats import BEATS_CFG, BEATs, read_beats_checkpoint
from .log_mel_stats import LogMelStats
from .transformers_audio_encoder import TransformersAudioEncoder
from .vggish import VGGish

__all__ = [
    'BEATS_CFG', 'BEATs', 'LogMelStats', 'TransformersAudioEncoder', 'VGGish',
    'read_beats_checkpoint'
]
