# Copyright (c) mmteso contributors. All rights reserved.
"""Who is visible and who sounds when: SynthAVS's quotas and draws."""
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

import numpy as np

from .easy import EASY
from .timbres import NOISE_COLOURS
from .variant import UNSEEN_SPLIT, Variant

#: Default number of videos in all.
DEFAULT_VIDEOS = 520

#: Default percent of each split's frames in which nothing sounds, rounded
#: down, so a split never has more. A blank prediction scores this share.
SILENT_PERCENT = 15


def apportion(total: int, parts: Tuple[int, ...]) -> List[int]:
    """Split a number in proportion to ``parts``, by largest remainders."""
    whole = sum(parts)
    counts = [total * part // whole for part in parts]
    remainders = [total * part % whole for part in parts]
    order = sorted(range(len(parts)), key=lambda i: -remainders[i])
    for i in order[:total - sum(counts)]:
        counts[i] += 1
    return counts


def split_sizes(videos: int, variant: Variant = EASY) -> Dict[str, int]:
    """Number of videos by split, at least one each; train gives to the others
    what they lack."""
    splits = list(variant.split_parts)
    if videos < len(splits):
        raise ValueError(f'videos={videos} is too few: {", ".join(splits)} '
                         'need at least one each')
    counts = apportion(videos, tuple(variant.split_parts.values()))
    others = [max(count, 1) for count in counts[1:]]
    return dict(zip(splits, [videos - sum(others)] + others))


@dataclass(frozen=True)
class VideoPlan:
    """What a video must contain, so that its split meets its quotas.

    Attributes:
        num_visible (int): Number of visible objects.
        silent (tuple[bool]): Whether nothing sounds, for each second.
        ambient (tuple): For each second None, or (colour, dB) of the ambient
            noise that it carries.
    """
    num_visible: int
    silent: Tuple[bool, ...]
    ambient: Tuple[Optional[Tuple[str, float]], ...]


def plan_split(videos: int,
               frames: int,
               rng: np.random.Generator,
               variant: Variant = EASY,
               silent_percent: int = SILENT_PERCENT) -> List[VideoPlan]:
    """Deal a split's quotas out to its videos, as one plan per video.

    Counts of visible objects follow ``variant.visible_percent`` exactly,
    silent seconds are ``silent_percent`` of all, rounded down. Half of the
    silent seconds, and the sounding ones if the variant says so, carry
    ambient noise, with colours in turn and levels spread evenly over
    ``variant.ambient_db``; the other silent seconds are digital silence.
    """
    counts = np.repeat((1, 2, 3), apportion(videos, variant.visible_percent))
    counts = rng.permutation(counts)

    num_silent = videos * frames * silent_percent // 100
    places = rng.permutation(videos * frames)
    noisy = places[:num_silent // 2]
    if variant.ambient_everywhere:
        noisy = np.concatenate([noisy, places[num_silent:]])
    low, high = variant.ambient_db
    steps = (np.arange(len(noisy)) + rng.uniform(size=len(noisy)))
    levels = low + (high - low) * rng.permutation(steps) / max(len(noisy), 1)
    ambient = {
        int(place): (NOISE_COLOURS[i % len(NOISE_COLOURS)], float(level))
        for i, (place, level) in enumerate(zip(noisy, levels))
    }
    silent = set(places[:num_silent].tolist())

    plans = []
    for video in range(videos):
        seconds = range(video * frames, (video + 1) * frames)
        plans.append(
            VideoPlan(
                num_visible=int(counts[video]),
                silent=tuple(second in silent for second in seconds),
                ambient=tuple(ambient.get(second) for second in seconds)))
    return plans


def draw_visible(num_visible: int,
                 rng: np.random.Generator,
                 variant: Variant = EASY,
                 split: str = 'train') -> List[str]:
    """Draw distinct classes in random order. Each that the split may show is
    equally likely, but that in 'test_unseen' one is drawn among the unseen and
    the rest among all others."""
    if split != UNSEEN_SPLIT:
        indices = rng.permutation(len(variant.seen))[:num_visible]
        return [variant.seen[index] for index in indices]
    first = variant.unseen[rng.integers(len(variant.unseen))]
    others = [name for name in variant.classes[1:] if name != first]
    indices = rng.permutation(len(others))[:num_visible - 1]
    names = [first] + [others[index] for index in indices]
    return [names[index] for index in rng.permutation(num_visible)]


def draw_sounding(names: List[str],
                  split: str,
                  silent: Tuple[bool, ...],
                  rng: np.random.Generator,
                  variant: Variant = EASY) -> np.ndarray:
    """Draw which visible objects sound in each second, (len(silent),
    len(names)) bool: each by itself with its class's prior, given that at
    least one does; in silent seconds none does."""
    priors = np.array([
        variant.train_priors[name] if split == 'train' else 0.5
        for name in names
    ])
    # All non-empty subsets, as rows, with their conditional probabilities.
    subsets = np.array([[code >> bit & 1 for bit in range(len(names))]
                        for code in range(1, 2**len(names))], bool)
    odds = np.where(subsets, priors, 1 - priors).prod(axis=1)
    chosen = rng.choice(len(subsets), size=len(silent), p=odds / odds.sum())
    return subsets[chosen] & ~np.array(silent)[:, None]
