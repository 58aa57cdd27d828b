# Copyright (c) mmteso contributors. All rights reserved.
"""Writes SynthAVS: a synthetic test bed in AVSBench-semantic's layout.

SynthAVS is **not** AVSBench and no number measured on it says anything about
AVSBench. It exists so that the whole way from files to a table of numbers can
be run in minutes and without a download, on a task that can't be solved by
looking alone:

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
import os.path as osp
import wave
from dataclasses import dataclass
from typing import (Any, Callable, Dict, Iterable, List, Optional, Sequence,
                    Tuple)

import numpy as np
from PIL import Image

from mmteso.io import CueRecord
from mmteso.video import write_video
from .easy import EASY
from .files import (FRAME_FILES, SUBSET, claim_folder, finish_folder,
                    make_video_folders, write_index)
from .hard import HARD
from .looks import Body, paint, sample_background, sample_body, stack_masks
from .scenario import (DEFAULT_VIDEOS, SILENT_PERCENT, VideoPlan,
                       draw_sounding, draw_visible, plan_split, split_sizes)
from .timbres import (NOISE_COLOURS, SAMPLE_RATE, sample_noise, sample_voice,
                      second_envelope)
from .variant import BACKGROUND, Variant

#: The variants by the name that the generator and its tool take.
VARIANTS = {variant.name: variant for variant in (EASY, HARD)}

# At least this share of the frame, and of its own pixels, is seen of each
# object in each frame.
MIN_FRAME_SHARE = 0.015
MIN_OWN_SHARE = 0.6

_MAX_DRAWS = 2000
_JPEG_QUALITY = 92


@dataclass(frozen=True)
class Video:
    """A generated clip.

    Attributes:
        names (list[str]): Classes of the visible objects, bottom to top.
        sounding (np.ndarray): (T, len(names)) bool: who sounds when.
        images (list[np.ndarray]): T frames, (size, size, 3) uint8 RGB.
        visible (list[np.ndarray]): T index maps (size, size) uint8 of all
            visible objects.
        audio (np.ndarray): (T * 16000, ) int16, 16 kHz mono.
        cues (list[list[str]]): T lists of the visible classes, each in a
            random order.
        variant (Variant): Whose classes they are.
    """
    names: List[str]
    sounding: np.ndarray
    images: List[np.ndarray]
    visible: List[np.ndarray]
    audio: np.ndarray
    cues: List[List[str]]
    variant: Variant = EASY

    def labels(self, frame: int) -> np.ndarray:
        """Ground truth: the index map of the objects that sound now.

        An object hidden behind a silent one stays hidden.
        """
        names = np.array(self.names)[self.sounding[frame]]
        indices = [self.variant.classes.index(name) for name in names]
        visible = self.visible[frame]
        return (visible * np.isin(visible, indices)).astype(np.uint8)

    @property
    def a_obj(self) -> str:
        """Names of the classes that sound anywhere in the clip, in index
        order, joined by ``_``; 'background' if none does (as AVSBench says for
        five v1m clips)."""
        sounding = np.array(self.names)[self.sounding.any(axis=0)].tolist()
        return '_'.join(
            c for c in self.variant.classes if c in sounding) or BACKGROUND


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
    sounding = draw_sounding(names, split, plan.silent, rng, variant)
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


def write_sample_clip(path: str, seconds: int = 6, size: int = 96,
                      seed: int = 0) -> List[str]:
    """Draw one clip of the easy variant as a video file with its sound.

    Three objects, of which others sound in each second; nothing does in the
    last but one.

    Args:
        path (str): The file, MP4.
        seconds (int): Its length, at least 2. Defaults to 6.
        size (int): Side of its pictures in pixels. Defaults to 96.
        seed (int): Defaults to 0.

    Returns:
        list[str]: Classes of the objects.
    """
    silent = tuple(second == seconds - 2 for second in range(seconds))
    video = generate_video(
        VideoPlan(3, silent, (None, ) * seconds), 'test', size,
        np.random.default_rng(seed))
    write_video(
        path,
        ((i / 10, video.images[i // 10]) for i in range(10 * seconds)),
        [video.audio.astype(np.float32) / 32768], SAMPLE_RATE)
    return video.names


def _cue_record(uid: str, frame: int, cues: List[str]) -> CueRecord:
    """A frame's text cues, in a record which states that no model made it."""
    listed = [f'a {cue}' for cue in cues]
    if len(listed) > 1:
        listed[-2:] = [f'{listed[-2]} and {listed[-1]}']
    return CueRecord(
        uid=uid,
        frame=frame,
        cues=tuple(cues),
        caption=f'The image shows {", ".join(listed)} on a textured '
        'background.',
        reasoning='Each of these objects could sound (ground truth of the '
        'generator, not inferred).',
        captioner='synthavs',
        reasoner='synthavs')


def _write_video(folder: str, video: Video) -> None:
    palette = np.array(video.variant.palette, np.uint8)
    for frame, (image, visible) in enumerate(zip(video.images,
                                                 video.visible)):
        labels = video.labels(frame)
        contents = {
            'frames': image,
            'labels_rgb': palette[labels],
            'labels_semantic': labels,
            'labels_visible': visible
        }
        for kind, suffix in FRAME_FILES.items():
            # PNG ignores `quality`.
            Image.fromarray(contents[kind]).save(
                osp.join(folder, kind, f'{frame}{suffix}'),
                quality=_JPEG_QUALITY)
    with wave.open(osp.join(folder, 'audio.wav'), 'wb') as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(video.audio.tobytes())


def _new_counts(classes: Sequence[str]) -> Dict[str, Any]:
    counts: Dict[str, Any] = dict.fromkeys(
        ('videos', 'frames', 'silent', 'silent_with_noise', 'partial',
         'visible_1', 'visible_2', 'visible_3'), 0)
    for key in ('class_visible', 'class_sounding'):
        counts[key] = dict.fromkeys(classes, 0)
    return counts


def _count(counts: Dict[str, Any], video: Video, plan: VideoPlan) -> None:
    counts['videos'] += 1
    for sounding, ambient in zip(video.sounding, plan.ambient):
        counts['frames'] += 1
        counts['silent'] += int(not sounding.any())
        counts['silent_with_noise'] += int(ambient is not None)
        counts['partial'] += int(sounding.any() and not sounding.all())
        counts[f'visible_{len(sounding)}'] += 1
        for name, sounds in zip(video.names, sounding):
            counts['class_visible'][name] += 1
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
    and Pillow). The layout is AVSBench-semantic's::

        out_dir/metadata.csv, label2idx.json
        out_dir/v2/{uid}/frames/{t}.jpg         RGB, 8 bit
                        /labels_rgb/{t}.png     sounding, VOC palette
                        /labels_semantic/{t}.png    sounding, class index
                        /audio.wav              16 kHz mono PCM16, T seconds

    plus ``labels_visible/{t}.png`` (class index of all visible objects,
    sounding or not), ``cues.jsonl`` (text cues: the visible objects' names),
    ``README.txt`` and ``synthavs.json`` (generator version, arguments and
    statistics). Every random stream belongs to one video of one split.

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
    sizes = split_sizes(videos, kind)

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
    claim_folder(out_dir, arguments, [job[2] for job in jobs], overwrite)
    summary = {split: _new_counts(kind.classes[1:]) for split in sizes}
    rows, records = [], []
    for split, vid, uid, plan, stream in (progress or iter)(jobs):
        video = generate_video(plan, split, size,
                               np.random.default_rng(stream), kind)
        _write_video(make_video_folders(out_dir, uid), video)
        _count(summary[split], video, plan)
        rows.append((vid, uid, 0, 0, video.a_obj, split, SUBSET))
        records.extend(
            _cue_record(uid, frame, cues)
            for frame, cues in enumerate(video.cues))
    write_index(out_dir, rows, records, kind)
    finish_folder(out_dir, summary)
    return summary
