# Copyright (c) mmteso contributors. All rights reserved.
"""Comparing names that people and language models wrote."""
import re

_SEPARATORS = re.compile(r'[\s_\-‐-―]+')


def normalize_phrase(phrase: str) -> str:
    """Bring a cue or class name into the form in which names are compared.

    Case, surrounding space and the kind of separator (space, hyphen, dash,
    underscore) don't matter: 'Emergency-Car' and ' emergency  car' become
    'emergency car'. Nothing else is touched: 'dogs' isn't 'dog'. '' if there
    is nothing but separators.
    """
    return _SEPARATORS.sub(' ', phrase).strip().casefold()
