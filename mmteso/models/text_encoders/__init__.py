# Copyright (c) mmteso contributors. All rights reserved.
from .base_text_encoder import BaseTextEncoder
from .cue_bank import CueBank
from .cue_bank_file import collect_phrases, write_cue_bank
from .hash_text_encoder import HashTextEncoder
from .imagebind_text import ImageBindText
from .sentence_encoder import SentenceEncoder

__all__ = [
    'BaseTextEncoder', 'CueBank', 'HashTextEncoder', 'ImageBindText',
    'SentenceEncoder', 'collect_phrases', 'write_cue_bank'
]
