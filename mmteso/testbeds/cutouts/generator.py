# Copyright (c) mmteso contributors. All rights reserved.
"""Writes cutouts: real looks and real sounds in AVSBench-semantic's layout.

It is **not** AVSBench: photographic cutouts of animals, instruments, tools
and vehicles are composed on photographs, and recordings of what some of them
sound like are mixed. docs/cutouts.md says how a clip is made, and what each
split is about.
"""
from functools import partial
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

import numpy as np

from mmteso.models.text_encoders import HashTextEncoder
from ..generation import Video, generate
from ..quotas import SILENT_PERCENT, TEXT_DIMS, apportion, draw_sounding
from .catalogue import BACKGROUND_SPLITS, Catalogue, Entry, read_catalogue
from .files import CUTOUTS, README, licence_text
from .scene import compose, place_bodies
from .sound import mix_sounds
from .sources import Sources

#: Default number of videos in all, and their parts by split.
DEFAULT_VIDEOS = 960
SPLIT_PARTS = dict(train=10, val=1, test=2, test_exemplar=1, test_unseen=2)
#: Percent of the videos with 1, 2, 3 and 4 visible objects.
VISIBLE_PERCENT = (15, 35, 30, 20)
#: Probability that a further object has a recording, and not none.
SOUNDING_SHARE = 0.65
#: Probability that one with a recording sounds; in train a class's own.
TEST_PRIOR = 0.5


def draw_entries(catalogue: Catalogue, split: str, count: int,
                 rng: np.random.Generator) -> List[Entry]:
    """Draw distinct classes for a video, in random order; the first drawn has
    a recording, and is unseen in 'test_unseen'. They are fewer than ``count``
    if the catalogue is short."""
    known = catalogue.of_roles('known')
    if split == 'test_exemplar':
        known = [entry for entry in known if entry.has_other]
    first = heard = known
    if split == 'test_unseen':
        first = catalogue.of_roles('unseen')
        heard = known + first
    drawn = [first[rng.integers(len(first))]]
    for _ in range(count - 1):
        pool = heard if rng.uniform() < SOUNDING_SHARE \
            else catalogue.of_roles('mute', 'still')
        left = [entry for entry in pool if entry not in drawn]
        if left:
            drawn.append(left[rng.integers(len(left))])
    return [drawn[index] for index in rng.permutation(len(drawn))]


def _choose_file(files: Tuple[str, ...], split: str,
                 rng: np.random.Generator) -> str:
    """The first file; in 'test_exemplar' another, if there is one."""
    if split == 'test_exemplar' and len(files) > 1:
        return files[rng.integers(1, len(files))]
    return files[0]


def plan_split(videos: int, frames: int, rng: np.random.Generator,
               silent_percent: int) -> List[Tuple[int, np.ndarray]]:
    """Deal a split's quotas out to its videos: of each the number of visible
    objects, and (T, ) bool, the seconds in which nothing sounds."""
    counts = rng.permutation(
        np.repeat((1, 2, 3, 4), apportion(videos, VISIBLE_PERCENT)))
    silent = rng.permutation(videos * frames) < \
        videos * frames * silent_percent // 100
    return list(zip(counts.tolist(), silent.reshape(videos, frames)))


def generate_video(catalogue: Catalogue, sources: Sources,
                   plan: Tuple[int, np.ndarray], split: str, size: int,
                   rng: np.random.Generator) -> Video:
    """Make one clip in memory."""
    count, silent = plan
    entries = draw_entries(catalogue, split, count, rng)
    priors = [
        0 if not entry.sounding else
        catalogue.train_priors[entry.name] if split == 'train' else TEST_PRIOR
        for entry in entries
    ]
    sounding = draw_sounding(priors, silent, rng)
    indices = [catalogue.classes.index(entry.name) for entry in entries]
    scenes, visible = place_bodies(
        [
            sources.stamp(_choose_file(entry.pictures, split, rng), 2 * size)
            for entry in entries
        ], indices, len(silent), size, rng)
    photographs = catalogue.backgrounds[
        split if split in BACKGROUND_SPLITS else 'test']
    photograph = sources.photograph(
        photographs[rng.integers(len(photographs))], 4 * size)
    heard = [place for place, entry in enumerate(entries) if entry.sounding]
    recordings = [
        sources.recording(_choose_file(entries[place].sounds, split, rng))
        for place in heard
    ]
    cues = [entry.cue for entry in entries if entry.cue]
    return Video(
        names=[entry.name for entry in entries],
        sounding=sounding,
        images=compose(photograph, scenes, rng),
        visible=visible,
        audio=mix_sounds(recordings, sounding[:, heard], rng),
        cues=[[cues[i] for i in rng.permutation(len(cues))] for _ in silent])


def _count(video: Video, _: Any) -> Dict[str, Any]:
    """What a video adds to its split's statistics."""
    frames, visible = video.sounding.shape
    heard = video.sounding.sum(axis=1)
    return {
        'videos': 1,
        'frames': frames,
        'silent': (heard == 0).sum(),
        'partial': ((heard > 0) & (heard < visible)).sum(),
        f'visible_{visible}': frames,
        'classes': {
            name: dict(visible=frames, sounding=sounds)
            for name, sounds in zip(video.names, video.sounding.sum(axis=0))
        }
    }


def generate_cutouts(
    out_dir: str,
    sources: Sources,
    videos: int = DEFAULT_VIDEOS,
    frames: int = 5,
    size: int = 128,
    seed: int = 0,
    train_silent_percent: int = SILENT_PERCENT,
    overwrite: bool = False,
    progress: Optional[Callable[[Iterable], Iterable]] = None,
    catalogue: Optional[Catalogue] = None
) -> Dict[str, Dict[str, Any]]:
    """Write a cutouts data set to disk.

    The same arguments and packages give the same bytes (with the same
    versions of NumPy, Pillow and soxr). The layout is that of
    :func:`mmteso.testbeds.synthavs.generate_synthavs`, with ``cutouts.json``
    for ``synthavs.json``, and ``LICENSE.txt``.

    Args:
        out_dir (str): Folder to write; made if missing.
        sources (Sources): Stamps, recordings and photographs.
        videos (int): Number of videos in all, split 10 : 1 : 2 : 1 : 2 into
            train, val, test, test_exemplar and test_unseen with at least one
            each. Defaults to 960.
        size (int): Side of the square frames in pixels, at least 32.
            Defaults to 128.
        frames, seed, train_silent_percent, overwrite, progress: See
            :func:`mmteso.testbeds.synthavs.generate_synthavs`.
        catalogue (Catalogue, optional): The classes and their files.
            Defaults to None: the package's own list.

    Returns:
        dict[str, dict]: For each split the numbers of ``videos``,
        ``frames``, ``silent`` and ``partial`` frames (some, but not all,
        visible objects sound), of frames with ``visible_1`` to ``visible_4``
        objects, and by class those in which it is ``visible`` and in which it
        is ``sounding`` (``classes``).

    Raises:
        ValueError: If an argument is out of range.
        FileExistsError: If ``out_dir`` isn't empty and ``overwrite`` is
            False, or holds no cutouts to overwrite.
        FileNotFoundError: If a file of the catalogue is missing.
    """
    catalogue = catalogue or read_catalogue()
    return generate(
        CUTOUTS,
        out_dir,
        dict(
            videos=videos,
            frames=frames,
            size=size,
            seed=seed,
            train_silent_percent=train_silent_percent),
        prefix='cutouts',
        split_parts=SPLIT_PARTS,
        class_names=catalogue.classes,
        least_size=32,
        plan=plan_split,
        make=partial(generate_video, catalogue, sources),
        count=_count,
        texts={
            'README.txt': README,
            'LICENSE.txt': licence_text(sources.licences())
        },
        text_encoder=HashTextEncoder(TEXT_DIMS),
        overwrite=overwrite,
        progress=progress)
