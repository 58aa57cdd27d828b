# Copyright (c) mmteso contributors. All rights reserved.
"""Writes SynthAVS: a synthetic test bed in AVSBench-semantic's layout.

No number measured on it says anything about AVSBench. It exists so that the
whole way from files to a table of numbers can be run in minutes and without a
download, on a task that can't be solved by looking alone:

* A video shows 1, 2 or 3 objects of distinct classes that drift over a
  textured background. A class has a look and a timbre.
* In each second a subset of the visible objects sounds, drawn anew; in 15 %
  of the frames none does. What sounds can't be seen, so a model that segments
  whatever is visible scores about 50 % on the frames where only some sound.
* **Segmentation preference, on purpose**: in the training split some classes
  sound far more often than others, in the other splits all sound equally
  often. A model that learned the prior instead of listening loses there.
* Half of a split's silent frames carry ambient white, pink or brown noise; the
  other half is digital silence. Noise is no object.

There are two variants of it. In the easy one (:mod:`.easy`) eight classes
differ in colour, shape and sound. In the hard one (:mod:`.hard`) classes are
composed of shapes and textures, so that they share what they look and sound
like; noise makes their sounds ambiguous; and some combinations appear in the
split ``test_unseen`` only.
"""
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

import numpy as np

from mmteso.choices import check_choices
from mmteso.models.text_encoders import HashTextEncoder
from ..generation import Video, generate
from ..quotas import (SILENT_PERCENT, TEXT_DIMS, apportion,
                      draw_sounding)
from .easy import EASY
from .files import README, SYNTHAVS
from .hard import HARD
from .looks import Body, paint, sample_background, sample_body, stack_masks
from .timbres import (NOISE_COLOURS, SAMPLE_RATE, sample_noise, sample_voice,
                      second_envelope)
from .variant import UNSEEN_SPLIT, Variant

#: The variants by the name that the generator and its tool take.
VARIANTS = {variant.name: variant for variant in (EASY, HARD)}

#: Default number of videos in all.
DEFAULT_VIDEOS = 520

# At least this share of the frame, and of its own pixels, is seen of each
# object in each frame.
MIN_FRAME_SHARE = 0.015
MIN_OWN_SHARE = 0.6

_MAX_DRAWS = 2000


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


def _place_bodies(
    names: List[str], frames: int, size: int, rng: np.random.Generator,
    variant: Variant
) -> Tuple[List[Body], List[List[np.ndarray]], List[np.ndarray]]:
    """Draw objects until each is well visible in every frame: the bodies,
    their coverage maps per frame, the index maps."""
    indices = [variant.classes.index(name) for name in names]
    for _ in range(_MAX_DRAWS):
        bodies = [
            sample_body(variant.kinds[name].look, rng, variant.areas)
            for name in names
        ]
        coverages, maps = [], []
        for second in range(frames):
            covers = [body.coverage(second, size) for body in bodies]
            labels, shares = stack_masks(covers, indices)
            areas = [np.mean(labels == index) for index in indices]
            if (min(shares) < MIN_OWN_SHARE or min(areas) < MIN_FRAME_SHARE):
                break
            coverages.append(covers)
            maps.append(labels)
        else:
            return bodies, coverages, maps
    raise RuntimeError(
        f'no placement of {names} over {frames} frames of {size} x {size} '
        f'pixels keeps every object visible, in {_MAX_DRAWS} draws; '
        'use a larger size or fewer frames')


def _mix_audio(names: List[str], sounding: np.ndarray, plan: VideoPlan,
               rng: np.random.Generator, variant: Variant) -> np.ndarray:
    """Sound of a clip, (T * 16000, ) int16."""
    frames = len(sounding)
    envelope = second_envelope()
    loudness = variant.object_rms
    mix = np.zeros((frames, SAMPLE_RATE))
    for column, name in enumerate(names):
        voice = sample_voice(variant.kinds[name].timbre, frames,
                             rng).reshape(frames, SAMPLE_RATE)
        # Loudness differs between objects, and a little between seconds.
        level = rng.uniform(-3, 3) + rng.uniform(-1, 1, size=(frames, 1))
        gain = loudness * 10**(level / 20) * sounding[:, column, None]
        mix += gain * envelope * voice
    # Some clips have a faint noise floor under their sounding seconds.
    if rng.uniform() < variant.floor_chance:
        colour = NOISE_COLOURS[rng.integers(len(NOISE_COLOURS))]
        floor = sample_noise(colour, mix.size, rng).reshape(mix.shape)
        floor *= loudness * 10**(rng.uniform(-60, -40) / 20)
        mix += floor * sounding.any(axis=1, keepdims=True)
    for second, ambient in enumerate(plan.ambient):
        if ambient is not None:
            colour, level = ambient
            mix[second] += loudness * 10**(level / 20) * sample_noise(
                colour, SAMPLE_RATE, rng)
    return np.round(np.clip(mix.ravel(), -1, 1) * 32767).astype('<i2')


def generate_video(variant: Variant, plan: VideoPlan, split: str, size: int,
                   rng: np.random.Generator) -> Video:
    """Make one clip in memory."""
    frames = len(plan.silent)
    names = draw_visible(variant, plan.num_visible, split, rng)
    sounding = draw_sounding(variant.priors(names, split), plan.silent, rng)
    bodies, coverages, visible = _place_bodies(names, frames, size, rng,
                                               variant)
    background = sample_background(size, rng)
    return Video(
        names=names,
        sounding=sounding,
        images=[
            paint(background, bodies, covers, second, rng)
            for second, covers in enumerate(coverages)
        ],
        visible=visible,
        audio=_mix_audio(names, sounding, plan, rng, variant),
        cues=[[names[i] for i in rng.permutation(len(names))]
              for _ in range(frames)])


def _count(variant: Variant, video: Video, plan: VideoPlan) -> Dict[str, Any]:
    """What a video adds to its split's statistics."""
    frames, visible = video.sounding.shape
    heard = video.sounding.sum(axis=1)
    none = dict.fromkeys(variant.kinds, 0)
    return dict(
        videos=1,
        frames=frames,
        silent=(heard == 0).sum(),
        silent_with_noise=frames - plan.ambient.count(None),
        partial=((heard > 0) & (heard < visible)).sum(),
        **{f'visible_{n}': frames * (n == visible) for n in (1, 2, 3)},
        class_visible=none | dict.fromkeys(video.names, frames),
        class_sounding=none | dict(
            zip(video.names, video.sounding.sum(axis=0))))


def generate_synthavs(
    out_dir: str,
    videos: int = DEFAULT_VIDEOS,
    frames: int = 5,
    size: int = 96,
    seed: int = 0,
    overwrite: bool = False,
    progress: Optional[Callable[[Iterable], Iterable]] = None,
    variant: str = 'easy',
    train_silent_percent: int = SILENT_PERCENT
) -> Dict[str, Dict[str, Any]]:
    """Write a SynthAVS data set to disk.

    The same arguments give the same bytes (with the same versions of NumPy
    and Pillow). The layout is AVSBench-semantic's, with the subset v2 alone,
    plus ``labels_visible/{t}.png`` (class index of all visible objects,
    sounding or not), text cues (the visible objects' names) with their bank,
    ``README.txt``, which says what is where, and ``synthavs.json`` (generator
    version, arguments and statistics). Every random stream belongs to one
    video of one split.

    Args:
        out_dir (str): Folder to write; made if missing.
        videos (int): Number of videos in all, split 10 : 1 : 2 into train,
            val and test (hard: 10 : 1 : 1 : 1, with test_unseen) with at
            least one each. Defaults to 520.
        frames (int): Frames, and seconds, of each video. Defaults to 5.
        size (int): Side of the square frames in pixels, at least 24.
            Defaults to 96.
        seed (int): Seed of all randomness, not negative. Defaults to 0.
        overwrite (bool): Whether a data set that this function wrote to
            ``out_dir`` is removed first. Other files stay. Defaults to
            False.
        progress (Callable, optional): Wraps the iterable of videos, such as
            ``tqdm.tqdm``. Defaults to None.
        variant (str): 'easy' or 'hard'; see :mod:`.easy` and :mod:`.hard`.
            Defaults to 'easy'.
        train_silent_percent (int): Percent of the training split's frames in
            which nothing sounds, from 0 to 100. The other splits don't depend
            on it. Defaults to 15, as theirs.

    Returns:
        dict[str, dict]: For each split the numbers of ``videos``,
        ``frames``, ``silent`` frames, ``silent_with_noise``, ``partial``
        frames (some, but not all, visible objects sound), frames with
        ``visible_1``, ``visible_2``, ``visible_3`` objects, and for each
        class the frames in which it is visible (``class_visible``) and in
        which it sounds (``class_sounding``).

    Raises:
        ValueError: If an argument is out of range.
        FileExistsError: If ``out_dir`` isn't empty and ``overwrite`` is
            False, or holds no SynthAVS to overwrite.
    """
    check_choices(variant=(variant, VARIANTS))
    kind = VARIANTS[variant]
    return generate(
        SYNTHAVS,
        out_dir,
        dict(
            videos=videos,
            frames=frames,
            size=size,
            seed=seed,
            variant=variant,
            train_silent_percent=train_silent_percent),
        prefix=kind.prefix,
        split_parts=kind.split_parts,
        class_names=kind.classes,
        least_size=24,
        plan=partial(plan_split, kind),
        make=partial(generate_video, kind),
        count=partial(_count, kind),
        texts={'README.txt': README + kind.readme},
        text_encoder=HashTextEncoder(
            TEXT_DIMS,
            compose=kind.composed_cues,
            normalize=not kind.composed_cues),
        overwrite=overwrite,
        progress=progress)
