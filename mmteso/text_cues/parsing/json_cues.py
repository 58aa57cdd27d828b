# Copyright (c) mmteso contributors. All rights reserved.
"""Cues in JSON: which of the keys and values name the objects."""
import re
from typing import Any, List, Optional

from .lenient_json import Found, Pairs
from .noun_phrases import MAX_ITEMS, Items, is_category, merge, read_bullet
from .sentences import About, about, mentions_sound, read_item, read_sentence

# A word of a key: can_sound, canSound, "Can sound"
_KEY_WORD = re.compile(r'[A-Z]?[a-z]+|[A-Z]+|\d+')
_NAME_KEYS = frozenset('object name label item class cue source'.split())


def _key_words(key: str) -> List[str]:
    return [word.lower() for word in _KEY_WORD.findall(key)]


def _is_silent(member: Pairs) -> bool:
    """Whether it says of itself that it doesn't sound."""
    return any(
        mentions_sound(' '.join(_key_words(key))) and (
            value is False or isinstance(value, str) and value.strip().lower()
            in ('no', 'false', 'silent', 'unlikely')) for key, value in member)


def _read_member(member: Any) -> Optional[Items]:
    """An element of an array."""
    if member is None:
        return Items(absent=True)
    if isinstance(member, str):
        return read_item(member)
    if isinstance(member, Pairs):
        if _is_silent(member):
            return Items()
        for key, value in member:
            if _NAME_KEYS & set(_key_words(key)) and isinstance(value, str):
                return read_item(value)
    return None


def _read_object(pairs: Pairs, in_place: bool = False) -> Optional[Items]:
    """An object; `in_place`: behind a key for what was asked for."""
    if not pairs:
        return Items(absent=True)
    best, chosen = About.STEPS, None
    for key, value in pairs:
        rank = about(_key_words(key))
        if rank is not None and rank >= max(best, About.OBJECTS):
            best, chosen = rank, value
    if best > About.STEPS:
        # {"object": "table", "can_sound": false} names nothing
        return None if _is_silent(pairs) else _read_value(chosen, True)
    if in_place or all(isinstance(value, bool) for _, value in pairs):
        # {"dog": true, "table": false}, {"dog": "barks", "table": "silent"}
        return merge(
            read_bullet(f'{key}: {"yes" if value is True else value}')
            for key, value in pairs[:MAX_ITEMS])
    if all(key.isdigit() or is_category(key) for key, _ in pairs):
        # {"1": "dog", "2": "man"}
        return _read_value([value for _, value in pairs])
    return None


def _read_value(value: Any, in_place: bool = False) -> Optional[Items]:
    if value is None or value == []:
        return Items(absent=True)
    if isinstance(value, str):
        return read_sentence(value)
    if isinstance(value, Pairs):
        return _read_object(value, in_place)
    if isinstance(value, list):
        members = [_read_member(member) for member in value[:MAX_ITEMS]]
        return None if None in members else merge(members)
    return None


def read_found(found: Found) -> Optional[Items]:
    """Read the cues in a JSON value.

    Args:
        found (Found): The value: an array of names, or of objects with a
            name each; or an object, whose key closest to what was asked for
            counts ('answer' before 'sounding_objects' before 'objects').

    Returns:
        Items, optional: What it names; None if it has another form, or was
        cut off before the first name.
    """
    items = _read_value(found.value)
    if items and not found.complete and not items.phrases:
        return None
    return items
