# Copyright (c) mmteso contributors. All rights reserved.
import hashlib

import pytest
import torch
from mmseg.utils.tokenizer import default_bpe

from mmteso.models.text_encoders.imagebind_tokenizer import ImageBindTokenizer

# What SimpleTokenizer gives in imagebind-packaged 0.1.2 and in ImageBind at
# commit 53680b0, without start and end token. test_imagebind_package.py
# compares more texts where the package can be imported.
IDS = {
    'This is a dog.': [589, 533, 320, 1929, 269],
    'This is a emergency car.': [589, 533, 320, 5897, 1615, 269],
    'vacuum cleaner 42': [18420, 15619, 275, 273],
    "a dog's  BARK\n": [320, 1929, 568, 16560],
    # mended, unescaped twice, ligature
    'caf\u00c3\u00a9 &amp;amp; \ufb01ne': [15304, 261, 3797],
    '\u72d7': [163, 233, 501],
    '\u201cukulele\u201d \U0001f600': [257, 39094, 257, 7334],
    'a<|endoftext|>b': [320, 49407, 321],
    'dog <|STARTOFTEXT|>': [1929, 49406],
    '<start_of_text>': [283, 1572, 318, 539, 318, 4160, 285],
    '': [],
}


@pytest.fixture(scope='module')
def tokenizer():
    return ImageBindTokenizer()


def test_the_vocabulary_is_imagebinds():
    """Either distribution of mmseg ships the file that ImageBind ships."""
    with open(default_bpe(), 'rb') as file:
        assert hashlib.sha256(file.read()).hexdigest() == (
            '924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a')


@pytest.mark.parametrize('text', IDS)
def test_ids(tokenizer, text):
    tokens, = tokenizer([text])
    ids = [49406, *IDS[text], 49407]
    assert tokens.dtype == torch.int64 and tokens.shape == (77, )
    assert tokens.tolist() == ids + [0] * (77 - len(ids))


def test_attributes(tokenizer):
    assert tokenizer.start_token == 49406
    assert tokenizer.end_token == 49407 == tokenizer.vocab_size - 1


def test_special_tokens_are_spelled_as_imagebind_does(tokenizer):
    assert tokenizer.decode([320, 49407]) == 'a <|endoftext|>'
    assert max(tokenizer.encode('<end_of_text>')) < 49406


def test_too_long_texts_keep_their_end_token():
    tokenizer = ImageBindTokenizer(context_length=8)
    fits, cut = tokenizer(['dog ' * 6, 'dog ' * 7])
    assert fits.tolist() == cut.tolist() == [49406, *[1929] * 6, 49407]
    with pytest.raises(ValueError, match='at least 2, but got 1'):
        ImageBindTokenizer(context_length=1)


def test_one_text_is_a_batch_too(tokenizer):
    assert tokenizer(['dog']).shape == (1, 77)
    assert tokenizer([]).shape == (0, 77)
