# Copyright (c) mmteso contributors. All rights reserved.
from .bank_writing import collect_phrases, write_cue_bank
from .base_text_encoder import BaseTextEncoder
from .hash_text_encoder import HashTextEncoder
from .imagebind_text import ImageBindText, ImageBindWeightsError
from .sentence_encoder import SentenceEncoder

__all__ = [
    'BaseTextEncoder', 'HashTextEncoder', 'ImageBindText',
    'ImageBindWeightsError', 'SentenceEncoder', 'collect_phrases',
    'write_cue_bank'
]
