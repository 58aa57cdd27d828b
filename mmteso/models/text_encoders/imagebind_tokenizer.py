# Copyright (c) mmteso contributors. All rights reserved.
from functools import lru_cache
from typing import Sequence

import torch
from mmseg.utils import tokenizer as clip_bpe
from torch import Tensor

_MMSEG_SPECIAL = ('<start_of_text>', '<end_of_text>')
_SPECIAL = ('<|startoftext|>', '<|endoftext|>')


class ImageBindTokenizer(clip_bpe.SimpleTokenizer):
    """ImageBind's tokenizer, from the vocabulary that mmseg ships.

    ImageBind and mmseg both took CLIP's byte-pair encoder and its file
    ``bpe_simple_vocab_16e6.txt.gz``. They differ in the spelling of the two
    special tokens, which matters only to a text that contains one; here it is
    ImageBind's.

    A text that is too long is cut so that its last token is the end token,
    from which the embedding is read. ImageBind does so since November 2025;
    its older versions, among them imagebind-packaged 0.1.2, cut off the end
    token as well.

    Args:
        context_length (int): Tokens per text. Defaults to 77.

    Attributes:
        start_token (int): 49406, the first token of each text.
        end_token (int): 49407, the last token of each text and the highest
            of all.
        vocab_size (int): 49408.
    """

    def __init__(self, context_length: int = 77) -> None:
        super().__init__()
        if context_length < 2:
            raise ValueError('context_length must be at least 2, but got '
                             f'{context_length}.')
        self.context_length = context_length
        pattern = self.pat.pattern
        for theirs, special in zip(_MMSEG_SPECIAL, _SPECIAL):
            token = self.encoder.pop(theirs)
            self.encoder[special] = token
            self.decoder[token] = special
            pattern = pattern.replace(theirs, special.replace('|', r'\|'))
        self.cache = {special: special for special in _SPECIAL}
        # mmseg's `re` is the package regex, which it is written with
        self.pat = clip_bpe.re.compile(pattern, clip_bpe.re.IGNORECASE)
        self.start_token, self.end_token = (
            self.encoder[special] for special in _SPECIAL)

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Tokenize texts.

        Args:
            texts (Sequence[str]): n texts.

        Returns:
            Tensor: int64, (n, context_length): start token, text, end token,
            zeros.
        """
        tokens = torch.zeros(len(texts), self.context_length, dtype=torch.long)
        for row, text in zip(tokens, texts):
            words = self.encode(text)[:self.context_length - 2]
            words = [self.start_token, *words, self.end_token]
            row[:len(words)] = torch.tensor(words)
        return tokens


@lru_cache(maxsize=4)
def imagebind_tokenizer(context_length: int = 77) -> ImageBindTokenizer:
    """The tokenizer, whose vocabulary takes a moment to read, made once.

    Args:
        context_length (int): Tokens per text. Defaults to 77.

    Returns:
        ImageBindTokenizer: The tokenizer.
    """
    return ImageBindTokenizer(context_length)
