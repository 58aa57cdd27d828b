# Copyright (c) mmteso contributors. All rights reserved.
"""Writes cutouts: real looks and real sounds in AVSBench-semantic's layout.

It is **not** AVSBench: photographic cutouts of animals, instruments, tools
and vehicles are composed on photographs, and recordings of what some of them
sound like are mixed. Listening is needed:

* A video shows 1 to 4 objects of distinct classes, one at least of which has
  a recording. Others could sound but never do, and some can't.
* In each second a random subset of those with a recording sounds; in 15 % of
  the frames none does.
* **Segmentation preference, on purpose**: in the training split half of the
  classes sound far more often than the other half; in the other splits all
  sound equally often.
* ``test`` shows the classes, pictures and recordings of ``train`` in other
  places, mixtures and backgrounds; ``test_exemplar`` the classes that have
  two pictures or recordings, by the other one; each video of ``test_unseen``
  a class that no training frame shows or names, with relatives among the
  known ones.
"""
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

import numpy as np

from mmteso.datasets.avsbench_meta import voc_palette
from mmteso.models.text_encoders import HashTextEncoder
from ..layout import (SUBSET, cue_record, sounding_labels, write_index,
                      write_text, write_video)
from ..quotas import (SILENT_PERCENT, apportion, draw_sounding, join_names,
                      split_sizes)
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
#: Length of the cues' features.
TEXT_DIMS = 128


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


def generate_video(catalogue: Catalogue, sources: Sources, split: str,
                   count: int, silent: np.ndarray, size: int,
                   rng: np.random.Generator) -> Dict[str, Any]:
    """Make one clip in memory.

    Args:
        catalogue (Catalogue): The classes.
        sources (Sources): Their files.
        split (str): The split.
        count (int): Number of visible objects.
        silent (np.ndarray): (T, ) bool: seconds in which nothing sounds.
        size (int): Side of the frames in pixels.
        rng (np.random.Generator): Source of the draws.

    Returns:
        dict: ``entries`` (list[Entry], bottom to top), ``sounding`` ((T,
        len(entries)) bool), ``images``, ``labels`` and ``visible`` (T arrays
        each), ``audio`` and ``cues`` (T lists of words).
    """
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
    return dict(
        entries=entries,
        sounding=sounding,
        images=compose(photograph, scenes, rng),
        labels=[
            sounding_labels(labels, np.array(indices)[active])
            for labels, active in zip(visible, sounding)
        ],
        visible=visible,
        audio=mix_sounds(recordings, sounding[:, heard], rng),
        cues=[[cues[i] for i in rng.permutation(len(cues))] for _ in silent])


def _count(counts: Dict[str, Any], entries: List[Entry],
           sounding: np.ndarray) -> None:
    """Add a video to its split's statistics."""

    def add(key, number):
        counts[key] = counts.get(key, 0) + int(number)

    add('videos', 1)
    add('frames', len(sounding))
    add('silent', (~sounding.any(axis=1)).sum())
    add('partial', (sounding.any(axis=1) & ~sounding.all(axis=1)).sum())
    add(f'visible_{len(entries)}', len(sounding))
    for entry, active in zip(entries, sounding.T):
        of_class = counts.setdefault('classes', {}).setdefault(
            entry.name, dict(visible=0, sounding=0))
        of_class['visible'] += len(active)
        of_class['sounding'] += int(active.sum())


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
    for ``synthavs.json``, and ``LICENSE.txt``. Every random stream belongs to
    one video of one split.

    Args:
        out_dir (str): Folder to write; made if missing.
        sources (Sources): Stamps, recordings and photographs.
        videos (int): Number of videos in all, split 10 : 1 : 2 : 1 : 2 into
            train, val, test, test_exemplar and test_unseen with at least one
            each. Defaults to 960.
        frames (int): Frames, and seconds, of each video. Defaults to 5.
        size (int): Side of the square frames in pixels, at least 32.
            Defaults to 128.
        seed (int): Seed of all randomness, not negative. Defaults to 0.
        train_silent_percent (int): Percent of the training split's frames in
            which nothing sounds; the others have 15. Defaults to 15.
        overwrite (bool): Whether a data set that this function wrote to
            ``out_dir`` is removed first. Other files stay. Defaults to
            False.
        progress (Callable, optional): Wraps the iterable of videos, such as
            ``tqdm.tqdm``. Defaults to None.
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
    if frames < 1 or size < 32 or seed < 0 or not (
            0 <= train_silent_percent <= 100):
        raise ValueError(
            f'frames={frames}, size={size}, seed={seed}, train_silent_percent='
            f'{train_silent_percent}; expected at least 1 frame, at least 32 '
            'pixels, no negative seed and 0 to 100 percent')
    catalogue = catalogue or read_catalogue()
    sizes = split_sizes(videos, SPLIT_PARTS)
    jobs = []
    for number, (split, count) in enumerate(sizes.items()):
        root = np.random.SeedSequence(seed, spawn_key=(number, ))
        first, *streams = root.spawn(1 + count)
        rng = np.random.default_rng(first)
        numbers = rng.permutation(
            np.repeat((1, 2, 3, 4), apportion(count, VISIBLE_PERCENT)))
        percent = train_silent_percent if split == 'train' else SILENT_PERCENT
        silent = rng.permutation(count * frames) < \
            count * frames * percent // 100
        for index, stream in enumerate(streams):
            vid = f'cutouts-{split}-{index:05d}'
            jobs.append((split, vid, f'{vid}_0_{frames * 1000}',
                         int(numbers[index]),
                         silent[index * frames:(index + 1) * frames], stream))
    CUTOUTS.claim(
        out_dir,
        dict(
            videos=videos,
            frames=frames,
            size=size,
            seed=seed,
            train_silent_percent=train_silent_percent),
        [job[2] for job in jobs], overwrite)
    write_text(f'{out_dir}/LICENSE.txt', licence_text(sources.licences()))

    summary: Dict[str, Dict[str, Any]] = {split: {} for split in sizes}
    rows, records = [], []
    palette = voc_palette(len(catalogue.classes))
    for split, vid, uid, count, silent, stream in (progress or iter)(jobs):
        video = generate_video(catalogue, sources, split, count, silent, size,
                               np.random.default_rng(stream))
        write_video(out_dir, uid, video['images'], video['labels'],
                    video['visible'], video['audio'], palette)
        entries, sounding = video['entries'], video['sounding']
        _count(summary[split], entries, sounding)
        heard = [
            entry.name for entry, active in zip(entries, sounding.T)
            if active.any()
        ]
        rows.append((vid, uid, 0, 0, join_names(heard, catalogue.classes),
                     split, SUBSET))
        records.extend(
            cue_record(uid, frame, cues, 'cutouts', 'on a photograph')
            for frame, cues in enumerate(video['cues']))
    write_index(out_dir, rows, records, catalogue.classes,
                HashTextEncoder(TEXT_DIMS), README)
    CUTOUTS.finish(out_dir, summary)
    return summary
