# Copyright (c) mmteso contributors. All rights reserved.
"""From plans of clips to a whole testbed on disk, whatever its clips show."""
import json
import os
import os.path as osp
from dataclasses import dataclass
from typing import (Any, Callable, Dict, Iterable, List, Mapping, Optional,
                    Sequence)

import numpy as np
import pandas as pd
from PIL import Image
from scipy.io import wavfile

from mmteso.audio import SAMPLE_RATE
from mmteso.datasets.avsbench_meta import voc_palette
from mmteso.datasets.clip_metadata import COLUMNS
from mmteso.io import CueRecord, write_cue_file, write_file
from mmteso.models.text_encoders import HashTextEncoder, write_cue_bank
from .layout import FRAME_FILES, SUBSET, Testbed
from .quotas import BACKGROUND, SILENT_PERCENT, split_sizes

_JPEG_QUALITY = 92


@dataclass(frozen=True)
class Video:
    """A generated clip of T seconds."""
    names: List[str]  # classes of the visible objects, bottom to top
    sounding: np.ndarray  # (T, len(names)) bool
    images: List[np.ndarray]  # T times (size, size, 3) uint8 RGB
    visible: List[np.ndarray]  # T index maps (size, size) uint8
    audio: np.ndarray  # (T * 16000, ) int16, 16 kHz mono
    cues: List[List[str]]  # of each frame, in a random order


def generate(testbed: Testbed, out_dir: str, arguments: Dict[str, Any], *,
             prefix: str, split_parts: Mapping[str, int],
             class_names: Sequence[str], least_size: int,
             plan: Callable[[int, int, np.random.Generator, int], Sequence],
             make: Callable[[Any, str, int, np.random.Generator], Video],
             count: Callable[[Video, Any], Dict[str, Any]],
             texts: Mapping[str, str], text_encoder: HashTextEncoder,
             overwrite: bool,
             progress: Optional[Callable[[Iterable], Iterable]]
             ) -> Dict[str, Dict[str, Any]]:
    """Write a testbed. Every random stream belongs to one video of one split.

    Args:
        testbed (Testbed): What is written.
        out_dir (str): The folder.
        arguments (dict): As the manifest holds them: ``videos``, ``frames``,
            ``size``, ``seed``, ``train_silent_percent``, ...
        prefix (str): Of the clips' names.
        split_parts (Mapping[str, int]): Relative numbers of videos.
        class_names (Sequence[str]): In index order, background first.
        least_size (int): Of the frames in pixels.
        plan (Callable): (videos, frames, rng, percent of silent frames) ->
            a plan for each video of a split.
        make (Callable): (plan, split, size, rng) -> the video.
        count (Callable): (video, plan) -> numbers, or dicts of such, whose
            sums over a split are its statistics.
        texts (Mapping[str, str]): Texts by file, ``README.txt`` among them.
        text_encoder (HashTextEncoder): Encodes the names for the cue bank.
        overwrite, progress: See :func:`generate_synthavs`.

    Returns:
        dict[str, dict]: The statistics of each split.
    """
    frames, size, seed, percent = (
        arguments[key]
        for key in ('frames', 'size', 'seed', 'train_silent_percent'))
    if (frames < 1 or size < least_size or seed < 0
            or not 0 <= percent <= 100):
        raise ValueError(
            f'frames={frames}, size={size}, seed={seed}, train_silent_percent='
            f'{percent}; expected at least 1 frame, at least {least_size} '
            'pixels, no negative seed and 0 to 100 percent')
    jobs = []
    sizes = split_sizes(arguments['videos'], split_parts)
    for number, (split, videos) in enumerate(sizes.items()):
        root = np.random.SeedSequence(seed, spawn_key=(number, ))
        first, *streams = root.spawn(1 + videos)
        plans = plan(videos, frames, np.random.default_rng(first),
                     percent if split == 'train' else SILENT_PERCENT)
        for index, (planned, stream) in enumerate(zip(plans, streams)):
            vid = f'{prefix}-{split}-{index:05d}'
            jobs.append((split, vid, f'{vid}_0_{frames * 1000}', planned,
                         stream))
    testbed.claim(out_dir, arguments, [job[2] for job in jobs], overwrite)

    summary: Dict[str, Dict[str, Any]] = {split: {} for split in sizes}
    rows, records = [], []
    for split, vid, uid, planned, stream in (progress or iter)(jobs):
        video = make(planned, split, size, np.random.default_rng(stream))
        _write_video(osp.join(out_dir, SUBSET, uid), video, class_names)
        _add(summary[split], count(video, planned))
        heard = np.array(video.names)[video.sounding.any(axis=0)]
        # 'background' where nothing sounds, as of five v1m clips of AVSBench
        a_obj = '_'.join(c for c in class_names if c in heard) or BACKGROUND
        rows.append((vid, uid, 0, 0, a_obj, split, SUBSET))
        records += [
            _cue_record(testbed, uid, frame, cues)
            for frame, cues in enumerate(video.cues)
        ]
    pd.DataFrame(
        rows, columns=COLUMNS).to_csv(
            osp.join(out_dir, 'metadata.csv'), index=False,
            lineterminator='\n')
    table = {name: index for index, name in enumerate(class_names)}
    write_file(
        osp.join(out_dir, 'label2idx.json'),
        json.dumps(table, indent=1) + '\n')
    write_cue_file(osp.join(out_dir, 'cues.jsonl'), records)
    write_cue_bank(
        osp.join(out_dir, 'cue_bank.safetensors'), text_encoder,
        class_names[1:])
    for name, text in texts.items():
        write_file(osp.join(out_dir, name), text)
    testbed.finish(out_dir, summary)
    return summary


def _add(total: Dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict):
            _add(total.setdefault(key, {}), value)
        else:
            total[key] = total.get(key, 0) + int(value)


def _write_video(folder: str, video: Video,
                 class_names: Sequence[str]) -> None:
    """Write a clip's frames, masks and sound."""
    for kind in FRAME_FILES:
        os.makedirs(osp.join(folder, kind), exist_ok=True)
    colours = np.array(voc_palette(len(class_names)), np.uint8)
    indices = np.array([class_names.index(name) for name in video.names])
    for frame, (image, visible, active) in enumerate(
            zip(video.images, video.visible, video.sounding)):
        # an object hidden behind a silent one stays hidden
        labels = visible * np.isin(visible, indices[active])
        contents = dict(
            frames=image,
            labels_rgb=colours[labels],
            labels_semantic=labels,
            labels_visible=visible)
        for kind, suffix in FRAME_FILES.items():
            # PNG ignores `quality`.
            Image.fromarray(contents[kind]).save(
                osp.join(folder, kind, f'{frame}{suffix}'),
                quality=_JPEG_QUALITY)
    wavfile.write(osp.join(folder, 'audio.wav'), SAMPLE_RATE, video.audio)


def _cue_record(testbed: Testbed, uid: str, frame: int,
                cues: Sequence[str]) -> CueRecord:
    """A frame's text cues, in a record which states that no model made it."""
    listed = [f'a {cue}' for cue in cues]
    if len(listed) > 1:
        listed[-2:] = [f'{listed[-2]} and {listed[-1]}']
    return CueRecord(
        uid=uid,
        frame=frame,
        cues=tuple(cues),
        caption=f'The image shows {", ".join(listed)} {testbed.place}.',
        reasoning='Each of these objects could sound (ground truth of the '
        'generator, not inferred).',
        captioner=testbed.source,
        reasoner=testbed.source)
