# Copyright (c) mmteso contributors. All rights reserved.
from .cue_bank import CueBank
from .hash_text_encoder import HashTextEncoder

__all__ = ['CueBank', 'HashTextEncoder']
