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
from typing import (Any, Callable, Dict, Iterable, List, Optional, Sequence,
                    Tuple)

import numpy as np

from ..layout import (SUBSET, cue_record, sounding_labels, write_index,
                      write_video)
from ..quotas import (SILENT_PERCENT, draw_sounding, join_names,
                      split_sizes)
from .easy import EASY
from .files import SYNTHAVS, readme_of, text_encoder_of
from .hard import HARD
from .looks import Body, paint, sample_background, sample_body, stack_masks
from .scenario import (DEFAULT_VIDEOS, VideoPlan, draw_visible, plan_split)
from .timbres import (NOISE_COLOURS, SAMPLE_RATE, sample_noise, sample_voice,
                      second_envelope)
from .variant import Variant

#: The variants by the name that the generator and its tool take.
VARIANTS = {variant.name: variant for variant in (EASY, HARD)}

# At least this share of the frame, and of its own pixels, is seen of each
# object in each frame.
MIN_FRAME_SHARE = 0.015
MIN_OWN_SHARE = 0.6

_MAX_DRAWS = 2000


@dataclass(frozen=True)
class Video:
    """A generated clip."""
    names: List[str]  # classes of the visible objects, bottom to top
    sounding: np.ndarray  # (T, len(names)) bool
    images: List[np.ndarray]  # T times (size, size, 3) uint8 RGB
    visible: List[np.ndarray]  # T index maps (size, size) uint8
    audio: np.ndarray  # (T * 16000, ) int16, 16 kHz mono
    cues: List[List[str]]  # of each frame the names, in a random order
    variant: Variant

    def labels(self, frame: int) -> np.ndarray:
        """Ground truth: the index map of the objects that sound now.

        An object hidden behind a silent one stays hidden.
        """
        names = np.array(self.names)[self.sounding[frame]]
        indices = [self.variant.classes.index(name) for name in names]
        return sounding_labels(self.visible[frame], indices)

    @property
    def a_obj(self) -> str:
        """Names of the classes that sound anywhere in the clip, in index
        order, joined by ``_``; 'background' if none does (as AVSBench says for
        five v1m clips)."""
        sounding = np.array(self.names)[self.sounding.any(axis=0)].tolist()
        return join_names(sounding, self.variant.classes)


def _place_bodies(
    names: List[str], frames: int, size: int, rng: np.random.Generator,
    variant: Variant
) -> Tuple[List[Body], List[List[np.ndarray]], List[np.ndarray]]:
    """Draw objects until each is well visible in every frame: the bodies,
    their coverage maps per frame, the index maps."""
    indices = [variant.classes.index(name) for name in names]
    for _ in range(_MAX_DRAWS):
        bodies = [
            sample_body(variant.looks[name], rng, variant.areas)
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
        voice = sample_voice(variant.timbres[name], frames,
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


def generate_video(plan: VideoPlan,
                   split: str,
                   size: int,
                   rng: np.random.Generator,
                   variant: Variant = EASY) -> Video:
    """Make one clip in memory."""
    frames = len(plan.silent)
    names = draw_visible(plan.num_visible, rng, variant, split)
    sounding = draw_sounding(
        variant.priors(names, split), plan.silent, rng)
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
              for _ in range(frames)],
        variant=variant)


def _new_counts(classes: Sequence[str]) -> Dict[str, Any]:
    keys = ('videos', 'frames', 'silent', 'silent_with_noise', 'partial',
            'visible_1', 'visible_2', 'visible_3')
    return dict(
        dict.fromkeys(keys, 0),
        class_visible=dict.fromkeys(classes, 0),
        class_sounding=dict.fromkeys(classes, 0))


def _count(counts: Dict[str, Any], video: Video, plan: VideoPlan) -> None:
    frames, visible = video.sounding.shape
    heard = video.sounding.sum(axis=1)
    counts['videos'] += 1
    counts['frames'] += frames
    counts['silent'] += int((heard == 0).sum())
    counts['silent_with_noise'] += frames - plan.ambient.count(None)
    counts['partial'] += int(((heard > 0) & (heard < visible)).sum())
    counts[f'visible_{visible}'] += frames
    for name, sounds in zip(video.names, video.sounding.sum(axis=0)):
        counts['class_visible'][name] += frames
        counts['class_sounding'][name] += int(sounds)


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
    if frames < 1 or size < 24 or seed < 0 or not (
            0 <= train_silent_percent <= 100) or variant not in VARIANTS:
        raise ValueError(
            f'frames={frames}, size={size}, seed={seed}, train_silent_percent='
            f'{train_silent_percent}, variant={variant!r}; expected at least '
            '1 frame, at least 24 pixels, no negative seed, 0 to 100 percent '
            f'and one of {list(VARIANTS)}')
    kind = VARIANTS[variant]
    sizes = split_sizes(videos, kind.split_parts)

    jobs = []
    for number, split in enumerate(sizes):
        root = np.random.SeedSequence(seed, spawn_key=(number, ))
        first, *streams = root.spawn(1 + sizes[split])
        silent_percent = train_silent_percent if split == 'train' \
            else SILENT_PERCENT
        plans = plan_split(sizes[split], frames, np.random.default_rng(first),
                           kind, silent_percent)
        for index, (plan, stream) in enumerate(zip(plans, streams)):
            vid = f'{kind.prefix}-{split}-{index:05d}'
            uid = f'{vid}_0_{frames * 1000}'
            jobs.append((split, vid, uid, plan, stream))

    arguments = dict(
        videos=videos,
        frames=frames,
        size=size,
        seed=seed,
        variant=variant,
        train_silent_percent=train_silent_percent)
    SYNTHAVS.claim(out_dir, arguments, [job[2] for job in jobs], overwrite)
    summary = {split: _new_counts(kind.classes[1:]) for split in sizes}
    rows, records = [], []
    for split, vid, uid, plan, stream in (progress or iter)(jobs):
        video = generate_video(plan, split, size,
                               np.random.default_rng(stream), kind)
        write_video(out_dir, uid, video.images,
                    [video.labels(t) for t in range(frames)], video.visible,
                    video.audio, kind.palette)
        _count(summary[split], video, plan)
        rows.append((vid, uid, 0, 0, video.a_obj, split, SUBSET))
        records.extend(
            cue_record(uid, frame, cues, 'synthavs',
                       'on a textured background')
            for frame, cues in enumerate(video.cues))
    write_index(out_dir, rows, records, kind.classes, text_encoder_of(kind),
                readme_of(kind))
    SYNTHAVS.finish(out_dir, summary)
    return summary
