# Copyright (c) mmteso contributors. All rights reserved.
"""How many clips a split has, and which visible objects sound when."""
from typing import Dict, List, Mapping, Sequence

import numpy as np

#: Default percent of each split's frames in which nothing sounds, rounded
#: down, so a split never has more. A blank prediction scores this share.
SILENT_PERCENT = 15

#: Length of the cues' features.
TEXT_DIMS = 128

#: The class that no object has.
BACKGROUND = 'background'


def apportion(total: int, parts: Sequence[int]) -> List[int]:
    """Split a number in proportion to ``parts``, by largest remainders."""
    whole = sum(parts)
    counts = [total * part // whole for part in parts]
    remainders = [total * part % whole for part in parts]
    order = sorted(range(len(parts)), key=lambda i: -remainders[i])
    for i in order[:total - sum(counts)]:
        counts[i] += 1
    return counts


def split_sizes(videos: int, split_parts: Mapping[str, int]) -> Dict[str, int]:
    """Number of videos by split, at least one each; the first split, train,
    gives to the others what they lack. A ValueError if there are more splits
    than videos."""
    splits = list(split_parts)
    if videos < len(splits):
        raise ValueError(f'videos={videos} is too few: {", ".join(splits)} '
                         'need at least one each')
    counts = apportion(videos, tuple(split_parts.values()))
    others = [max(count, 1) for count in counts[1:]]
    return dict(zip(splits, [videos - sum(others)] + others))


def draw_sounding(priors: Sequence[float], silent: Sequence[bool],
                  rng: np.random.Generator) -> np.ndarray:
    """Draw which visible objects sound in each second, (len(silent),
    len(priors)) bool: of the probability of each object, before conditioning
    on "something sounds", one at least above 0, and of the seconds in which
    none does."""
    chances = np.asarray(priors)
    # All non-empty subsets, as rows, with their conditional probabilities.
    subsets = np.array([[code >> bit & 1 for bit in range(len(chances))]
                        for code in range(1, 2**len(chances))], bool)
    odds = np.where(subsets, chances, 1 - chances).prod(axis=1)
    chosen = rng.choice(len(subsets), size=len(silent), p=odds / odds.sum())
    return subsets[chosen] & ~np.array(silent)[:, None]
