# Copyright (c) mmteso contributors. All rights reserved.
"""SynthAVS's variants by name."""
from .easy import EASY
from .hard import HARD
from .variant import Variant

#: The variants by the name that the generator and its tool take.
VARIANTS = {variant.name: variant for variant in (EASY, HARD)}


def get_variant(name: str) -> Variant:
    """Look a variant up.

    Args:
        name (str): 'easy' or 'hard'.

    Returns:
        Variant: The variant.

    Raises:
        ValueError: If there is no such variant.
    """
    if name not in VARIANTS:
        raise ValueError(f'variant must be one of {list(VARIANTS)}, but got '
                         f'{name!r}')
    return VARIANTS[name]
