# Copyright (c) mmteso contributors. All rights reserved.
"""Who is visible and who sounds when: SynthAVS's quotas and draws."""
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

import numpy as np

from .classes import CLASSES, TEST_PRIOR, TRAIN_PRIORS
from .timbres import NOISE_COLOURS

SPLITS = ('train', 'val', 'test')

#: Default number of videos in all, and each split's part of any number.
DEFAULT_VIDEOS = 520
SPLIT_PARTS = (10, 1, 2)

#: Percent of the videos with 1, 2 and 3 visible objects.
VISIBLE_PERCENT = (15, 45, 40)

#: Percent of each split's frames in which nothing sounds, rounded down, so
#: a split never has more. A blank prediction scores this share.
SILENT_PERCENT = 15

#: Power of ambient noise in dB relative to an object's sound: from what
#: 16-bit sound can just hold to as loud as an object.
AMBIENT_DB = (-60.0, 0.0)


def apportion(total: int, parts: Tuple[int, ...]) -> List[int]:
    """Split a number in proportion, by largest remainders.

    Args:
        total (int): What to split.
        parts (tuple[int]): Relative sizes.

    Returns:
        list[int]: Counts that sum to ``total``.
    """
    whole = sum(parts)
    counts = [total * part // whole for part in parts]
    remainders = [total * part % whole for part in parts]
    order = sorted(range(len(parts)), key=lambda i: -remainders[i])
    for i in order[:total - sum(counts)]:
        counts[i] += 1
    return counts


def split_sizes(videos: int) -> Dict[str, int]:
    """Number of videos of each split: 10 : 1 : 2, at least one each.

    Args:
        videos (int): Number of videos in all, at least 3.

    Returns:
        dict[str, int]: Keyed by 'train', 'val', 'test'.
    """
    if videos < len(SPLITS):
        raise ValueError(f'videos={videos} is too few: train, val and test '
                         'need at least one each')
    train, val, test = apportion(videos, SPLIT_PARTS)
    val, test = max(val, 1), max(test, 1)
    return dict(train=videos - val - test, val=val, test=test)


@dataclass(frozen=True)
class VideoPlan:
    """What a video must contain, so that its split meets its quotas.

    Attributes:
        num_visible (int): Number of visible objects.
        silent (tuple[bool]): Whether nothing sounds, for each second.
        ambient (tuple): For each second None, or (colour, dB) of the ambient
            noise that a silent second carries.
    """
    num_visible: int
    silent: Tuple[bool, ...]
    ambient: Tuple[Optional[Tuple[str, float]], ...]


def plan_split(videos: int, frames: int,
               rng: np.random.Generator) -> List[VideoPlan]:
    """Deal a split's quotas out to its videos.

    Counts of visible objects follow :data:`VISIBLE_PERCENT` exactly, silent
    seconds are :data:`SILENT_PERCENT` of all, rounded down. Every other silent
    second carries ambient noise, with colours in turn and levels spread
    evenly over :data:`AMBIENT_DB`; the others are digital silence.

    Args:
        videos (int): Number of videos.
        frames (int): Seconds, and frames, of each.
        rng (np.random.Generator): Shuffles the cards.

    Returns:
        list[VideoPlan]: One per video.
    """
    counts = np.repeat((1, 2, 3), apportion(videos, VISIBLE_PERCENT))
    counts = rng.permutation(counts)

    num_silent = videos * frames * SILENT_PERCENT // 100
    places = rng.permutation(videos * frames)[:num_silent]
    noisy = places[:num_silent // 2]
    low, high = AMBIENT_DB
    steps = (np.arange(len(noisy)) + rng.uniform(size=len(noisy)))
    levels = low + (high - low) * rng.permutation(steps) / max(len(noisy), 1)
    ambient = {
        int(place): (NOISE_COLOURS[i % len(NOISE_COLOURS)], float(level))
        for i, (place, level) in enumerate(zip(noisy, levels))
    }
    silent = set(places.tolist())

    plans = []
    for video in range(videos):
        seconds = range(video * frames, (video + 1) * frames)
        plans.append(
            VideoPlan(
                num_visible=int(counts[video]),
                silent=tuple(second in silent for second in seconds),
                ambient=tuple(ambient.get(second) for second in seconds)))
    return plans


def sounding_prior(split: str, name: str) -> float:
    """Probability that a visible object of a class sounds in a second.

    Args:
        split (str): 'train' (skewed over classes), 'val' or 'test' (even).
        name (str): Class name.

    Returns:
        float: The probability before conditioning on "something sounds".
    """
    return TRAIN_PRIORS[name] if split == 'train' else TEST_PRIOR


def draw_visible(num_visible: int, rng: np.random.Generator) -> List[str]:
    """Draw distinct classes, each equally likely.

    Args:
        num_visible (int): How many.
        rng (np.random.Generator): Source of the draw.

    Returns:
        list[str]: Class names, in random order.
    """
    indices = rng.permutation(len(CLASSES) - 1)[:num_visible] + 1
    return [CLASSES[index] for index in indices]


def draw_sounding(names: List[str], split: str, silent: Tuple[bool, ...],
                  rng: np.random.Generator) -> np.ndarray:
    """Draw which visible objects sound in each second.

    Each sounds independently with its class's prior, given that at least one
    does; in silent seconds none does.

    Args:
        names (list[str]): Classes of the visible objects.
        split (str): Split, which sets the priors.
        silent (tuple[bool]): For each second, whether nothing sounds.
        rng (np.random.Generator): Source of the draws.

    Returns:
        np.ndarray: (len(silent), len(names)) bool.
    """
    priors = np.array([sounding_prior(split, name) for name in names])
    # All non-empty subsets, as rows, with their conditional probabilities.
    subsets = np.array([[code >> bit & 1 for bit in range(len(names))]
                        for code in range(1, 2**len(names))], bool)
    odds = np.where(subsets, priors, 1 - priors).prod(axis=1)
    chosen = rng.choice(len(subsets), size=len(silent), p=odds / odds.sum())
    return subsets[chosen] & ~np.array(silent)[:, None]
