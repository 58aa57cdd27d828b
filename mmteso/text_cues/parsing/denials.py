# Copyright (c) mmteso contributors. All rights reserved.
"""Clauses that deny of an object that it sounds."""
import re
from typing import NamedTuple, Optional

# 'not making a sound', but neither 'not certain' nor 'not the only sound'.
_DENIAL = re.compile(
    r'(?:(?:but|though|although|yet|however)(?:,?\s+))?'
    r'(?P<who>they|these|those|both|all|it|he|she|this|that|which|who)'
    r'(?:\s+(?:all|both|most|likely|probably|currently)){0,3}'
    r"(?:(?:'s|'re|\s+(?:is|are|stays?|remains?|will be|would be))\s+"
    r'(?:(?:all|both|most|likely|probably|currently|completely)\s+){0,3}'
    r'(?:silent|inaudible|mute|muted|quiet)'
    r"|(?:(?:'s|'re|\s+(?:is|are|do|does|can|could|would|will))\s+not"
    r"|\s+(?:cannot|isn't|aren't|don't|doesn't|can't|couldn't|wouldn't"
    r"|won't))\s+"
    r'(?:(?:likely|currently|be|to|make|making|produce|producing|emit'
    r'|emitting|any|a|being)\s+){0,6}'
    r'(?:sounds?|sounding|noises?|audible|heard|played))(?!\w)', re.I)
_CLAUSE = re.compile(
    r'(?:^|(?<=\s))(?:but|though|although|yet|however|which|who|that)(?=\W)',
    re.I)
_SEVERAL = frozenset(('they', 'these', 'those', 'both', 'all'))


class Denial(NamedTuple):
    """A clause that denies of objects that they sound.

    Attributes:
        start (int): Where it begins in the text.
        of_all (bool): Whether it speaks of all objects before it ('they'),
            and not of the last one only ('it', 'which').
    """
    start: int
    of_all: bool


def find_denial(text: str) -> Optional[Denial]:
    """Find the first clause that denies.

    Args:
        text (str): 'bicycles, but they are silent'.

    Returns:
        Denial, optional: The clause; None if there is none. 'But it could be
        silent' and 'but not the cat' deny nothing of what stands before.
    """
    for clause in _CLAUSE.finditer(text):
        denial = _DENIAL.match(text, clause.start())
        if denial:
            return Denial(clause.start(),
                          denial.group('who').lower() in _SEVERAL)
    return None
