# Copyright (c) mmteso contributors. All rights reserved.
"""Who is visible and who sounds when: SynthAVS's quotas and draws."""
from dataclasses import dataclass
from typing import List, Optional, Tuple

import numpy as np

from ..quotas import apportion
from .timbres import NOISE_COLOURS
from .variant import UNSEEN_SPLIT, Variant

#: Default number of videos in all.
DEFAULT_VIDEOS = 520


@dataclass(frozen=True)
class VideoPlan:
    """What a video must contain, so that its split meets its quotas."""
    num_visible: int
    silent: Tuple[bool, ...]  # whether nothing sounds, for each second
    # for each second None, or colour and dB of its ambient noise
    ambient: Tuple[Optional[Tuple[str, float]], ...]


def plan_split(variant: Variant, videos: int, frames: int,
               rng: np.random.Generator,
               silent_percent: int) -> List[VideoPlan]:
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


def draw_visible(variant: Variant, num_visible: int, split: str,
                 rng: np.random.Generator) -> List[str]:
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
