# Copyright (c) mmteso contributors. All rights reserved.
"""Plural nouns into singular ones."""
import functools

from . import english


@functools.lru_cache(maxsize=None)
def _inflect():
    """inflect's engine, or a word on how to get it."""
    try:
        import inflect
    except ImportError as error:
        raise ImportError(
            'Plural forms in the answers of language models are read with '
            'the package "inflect", which is not installed: '
            "pip install 'mmteso[text]'") from error
    return inflect.engine()


def _may_be_plural(word: str) -> bool:
    if not (word.isascii() and word.isalpha()) or (
            len(word) < 3 or word in english.NO_PLURALS):
        return False
    if word.endswith(('us', 'is')):
        return word in english.PLURALS_IN_US_OR_IS
    return (word.endswith(('s', 'men', 'children')) and not word.endswith('ss')
            or word in english.IRREGULAR_PLURALS)


@functools.lru_cache(maxsize=4096)
def singular(word: str) -> str:
    """Bring a noun into the singular.

    inflect does it, but isn't asked for words that it takes for plurals and
    that are none (bus, gas, lens, specimen, ...).

    Args:
        word (str): A word in lower case.

    Returns:
        str: Its singular; the word itself if it isn't a plural.

    Raises:
        ImportError: If inflect isn't installed and the word may be a plural.
    """
    seen = set()
    while _may_be_plural(word) and word not in seen:
        seen.add(word)
        word = english.SINGULARS.get(word) or (
            _inflect().singular_noun(word) or word)
    return word
