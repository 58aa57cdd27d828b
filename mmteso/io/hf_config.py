# Copyright (c) mmteso contributors. All rights reserved.
"""Configurations of transformers' models."""
from typing import Any, Collection, Mapping, Optional


def make_hf_config(cls: type, settings: Optional[Mapping[str, Any]] = None):
    """Build a configuration of transformers, of a class and the fields that
    are not as by default; a misspelt one is a ValueError."""
    settings = dict(settings or {})
    known = own_fields(cls())
    unknown = sorted(set(settings) - known)
    if unknown:
        # transformers would keep them as attributes that nothing reads
        raise ValueError(f'{cls.__name__} has no fields {unknown}; it has '
                         f'{sorted(known)}')
    return cls(**settings)


def own_fields(config) -> set:
    """A configuration's own fields, without those that all of them have."""
    from transformers import PretrainedConfig
    return set(config.to_dict()) - set(PretrainedConfig().to_dict())


def differing_fields(config, other, free: Collection[str] = ()) -> dict:
    """Compare a model's configuration with that of stored weights: the fields
    that differ, but for those that may (``free``), with both their values.

    Shapes alone don't tell: numbers of heads and activations leave no trace
    in them.
    """
    ours, theirs = config.to_dict(), other.to_dict()
    return {
        key: (ours[key], theirs.get(key))
        for key in sorted(own_fields(config) - set(free))
        # tuples come back from JSON as lists
        if _plain(ours[key]) != _plain(theirs.get(key))
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value
