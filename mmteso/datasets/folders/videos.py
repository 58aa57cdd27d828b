# Copyright (c) mmteso contributors. All rights reserved.
"""AVSBench's layouts made from raw videos."""
import csv
import filecmp
import os
import os.path as osp
import re
import shutil
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from mmteso.audio import SAMPLE_RATE
from mmteso.choices import check_choices
from mmteso.video import MediaError, Sound, VideoFile
from ..avsbench import semantic_clip
from ..avsbench_meta import (AVSBENCH_CLASSES, SPLITS, get_class_set,
                             parse_a_obj, read_classes)
from ..avsbench_object import OBJECT_HOMES, object_clip
from ..clip_metadata import COLUMNS
from .files import save_frame, write_lines, write_table, write_wav

# seconds of a clip: v2's, and those of the object layout, which has no other
_SECONDS = dict(semantic=10., object=5.)
_PARTIAL = '.partial'


def read_video_labels(path: str) -> Dict[str, Dict[str, str]]:
    """Read what sounds in videos: the rows of a CSV file by the video's name.

    It has the columns ``video`` (a file's name), ``a_obj`` (classes joined by
    ``_``), and perhaps ``split``; a ValueError if one is missing or a video
    occurs twice.
    """
    with open(path, encoding='utf-8-sig', newline='') as file:
        reader = csv.DictReader(file)
        absent = {'video', 'a_obj'} - set(reader.fieldnames or ())
        if absent:
            raise ValueError(f'{path} lacks the columns {sorted(absent)}; '
                             'expected video, a_obj and perhaps split')
        rows: Dict[str, Dict[str, str]] = {}
        for row in reader:
            values = {name: (row[name] or '').strip()
                      for name in ('video', 'a_obj', 'split') if name in row}
            name = osp.basename(values['video'])
            if name in rows:
                raise ValueError(f'{path}, line {reader.line_num}: the video '
                                 f'{name!r} occurs twice')
            rows[name] = values
    return rows


class VideoConverter:
    """Writes videos as clips of a data set; adds to one that is there.

    Frames are taken at 15/16 of each step, as in AVSBench, and upright; the
    sound is 16 kHz, mono, as long as the clip's steps, and silent where the
    video has none. A longer video becomes several clips; a clip is called
    '{video}_{startms}_{endms}'. The folder of its masks is empty. Nothing
    that is there is overwritten. The same videos give the same bytes.

    Args:
        out_dir (str): The data set's folder.
        layout (str): 'semantic'; or 'object', which is single-source (S4)
            with labels, a clip's category, and multi-source (MS3) without.
            Defaults to 'semantic'.
        classes (Sequence[str], optional): The classes, for ``classes.txt``
            of the semantic layout. Defaults to None: those of the labels;
            without labels no file.
        labels (dict, optional): Of :func:`read_video_labels`. Defaults to
            None: nothing is said of what sounds.
        split (str): Split of videos whose label names none. Defaults to
            'train'.
        subset (str): Folder of the clips, in the semantic layout. Defaults to
            'clips'.
        fps (float): Steps a second; 1 in the object layout. Defaults to 1.
        seconds (float, optional): Of the longest clip. Defaults to None: 10;
            in the object layout 5, which each of its clips has.
        allow_silent (bool): Whether a video without sound is taken for a
            silent one. Defaults to False: it is refused.

    Raises:
        ValueError: If the arguments don't go together, or the folder holds a
            data set of other classes.
    """

    def __init__(self,
                 out_dir: str,
                 layout: str = 'semantic',
                 classes: Optional[Sequence[str]] = None,
                 labels: Optional[Dict[str, Dict[str, str]]] = None,
                 split: str = 'train',
                 subset: str = 'clips',
                 fps: float = 1.,
                 seconds: Optional[float] = None,
                 allow_silent: bool = False) -> None:
        check_choices(layout=(layout, _SECONDS))
        seconds = _SECONDS[layout] if seconds is None else seconds
        if fps <= 0 or round(seconds * fps) < 1:
            raise ValueError('fps must be positive, and a clip must have a '
                             f'step, but got fps {fps}, seconds {seconds}')
        if layout == 'object' and (fps != 1 or seconds != 5 or classes):
            raise ValueError('the object layout has clips of 5 s at one frame '
                             'a second, and no list of classes')
        self.fps, self.labels, self.split = fps, labels, split
        self.allow_silent = allow_silent
        self._steps = round(seconds * fps)
        if layout == 'object':
            subset = 'ms3' if labels is None else 's4'
        else:
            classes = _settle_classes(out_dir, classes, labels)
        self._target = _Target(out_dir, layout, subset, classes)

    def convert(self, path: str) -> Dict[str, Any]:
        """Write a video's clips.

        Gives ``clips``, the names of those written; ``there``, of those that
        were there; ``left_out``, seconds at the end that make no clip;
        ``problems``, times and what could not be decoded. A MediaError if the
        video can't be read, or has no sound and may not; a ValueError if it
        has no label or one that doesn't fit, or if clips of another video have
        its name.
        """
        a_obj, split = self._label(path)
        video = VideoFile(path)
        sound: Optional[Sound] = None
        try:
            sound = Sound(path, SAMPLE_RATE, video.origin)
        except MediaError as error:
            if not self.allow_silent:
                raise MediaError(
                    f'{error} allow_silent (--allow-silent) takes it for '
                    'silence.') from error
        result: Dict[str, Any] = dict(clips=[], there=[], left_out=0.)
        stem = osp.splitext(osp.basename(path))[0]
        stem = re.sub(r'[^\w.-]+', '-', stem).strip('.') or 'video'

        def finish(start, count):
            begin, length = start / self.fps, count / self.fps
            end = begin + length
            name = f'{stem}_{round(begin * 1000)}_{round(end * 1000)}'
            if count < self._target.fewest:
                result['left_out'] = length
                return
            waveform = np.zeros(round(length * SAMPLE_RATE), np.float32) \
                if sound is None else sound.read(begin, length)
            write_wav(osp.join(self._target.partial, 'audio.wav'), waveform)
            new = self._target.add(name, count, stem, begin, a_obj, split)
            result['clips' if new else 'there'].append(name)

        start = count = 0
        self._target.clear()
        try:
            for step, _, image in video.sample(self.fps):
                if count == self._steps:
                    finish(start, count)
                    self._target.clear()
                    start, count = step, 0
                self._target.save_frame(image, count)
                count += 1
            finish(start, count)
        finally:
            self._target.close()
        problems = video.problems + (sound.problems if sound else [])
        result['problems'] = [
            dict(time=problem.time, what=problem.what) for problem in problems
        ]
        return result

    def _label(self, path: str) -> Tuple[str, str]:
        """What sounds in a video, and its split."""
        if self.labels is None:
            return '', self.split
        name = osp.basename(path)
        row = self.labels.get(name) or self.labels.get(osp.splitext(name)[0])
        if row is None:
            raise ValueError(f'the labels have no line for {name!r}')
        self._target.check_label(row['a_obj'])
        return row['a_obj'], row.get('split') or self.split


def _settle_classes(
        out_dir: str, classes: Optional[Sequence[str]],
        labels: Optional[Dict[str, Dict[str, str]]]
) -> Optional[Tuple[str, ...]]:
    """Write ``classes.txt``, or see that it says the same."""
    path = osp.join(out_dir, 'classes.txt')
    there = read_classes(path) if osp.isfile(path) else None
    if classes is None and there is None and labels is not None:
        classes = sorted({
            name
            for row in labels.values()
            for name in row['a_obj'].split('_') if name
        })
    if classes is None:
        return there
    names = ('background', *(c for c in classes if c != 'background'))
    get_class_set(dict(classes=names))  # complains
    if there not in (None, names):
        raise ValueError(
            f'{path} lists {list(there)}, but {list(names)} are wanted; leave '
            'the classes out, or take another folder')
    write_lines(path, names)
    return names


class _Target:
    """A data set that clips are added to, by way of a folder of its own."""

    def __init__(self, out_dir: str, layout: str, subset: str,
                 classes: Optional[Sequence[str]]) -> None:
        self.out_dir, self.layout, self.subset = out_dir, layout, subset
        self.classes = classes
        self.partial = osp.join(out_dir, _PARTIAL)
        # of frames, and how many a clip has at least
        self.suffix, self.fewest = '.jpg', 1
        self.key, self.columns = 'uid', list(COLUMNS)
        table = 'metadata.csv'
        if layout == 'object':
            self.suffix, self.fewest = '.png', 5
            self.key, self.columns = 'name', ['name', 'split']
            if subset == 's4':
                self.columns = ['name', 'start', 'category', 'split']
            table = f'{OBJECT_HOMES[subset]}/{subset}_meta_data.csv'
        self.table = osp.join(out_dir, table)
        self._rows: List[Dict[str, Any]] = []
        if osp.isfile(self.table):
            with open(self.table, encoding='utf-8-sig', newline='') as file:
                reader = csv.DictReader(file)
                if reader.fieldnames != self.columns:
                    raise ValueError(
                        f'{self.table} has the columns {reader.fieldnames}, '
                        f'expected {self.columns}: nothing is added to it')
                self._rows = list(reader)

    def check_label(self, a_obj: str) -> None:
        """Refuse a label that the layout can't hold."""
        if self.layout == 'semantic':
            parse_a_obj(a_obj, self.classes or AVSBENCH_CLASSES)
        elif not re.fullmatch(r'[\w-][\w .-]*', a_obj):
            raise ValueError(f'{a_obj!r} is no category, which names a folder')

    def clear(self) -> None:
        """Begin a clip."""
        shutil.rmtree(self.partial, ignore_errors=True)
        os.makedirs(self.partial)

    def save_frame(self, image: np.ndarray, number: int) -> None:
        """Write a frame of the clip that has begun."""
        save_frame(osp.join(self.partial, f'{number}{self.suffix}'), image)

    def close(self) -> None:
        """Write the table of the clips so far."""
        shutil.rmtree(self.partial, ignore_errors=True)
        write_table(self.table, self.columns, self._rows)

    def add(self, name: str, count: int, video: str, begin: float, a_obj: str,
            split: str) -> bool:
        """Put the clip that has begun into its place, and its line into the
        table; False if they are there."""
        if self.layout == 'semantic':
            clip = semantic_clip(
                self.out_dir, self.subset, name, 'labels_semantic',
                split=split, a_obj=())
        else:
            check_choices(split=(split, SPLITS))  # it is a folder
            clip = object_clip(self.out_dir, self.subset, name, split,
                               a_obj or None)
        files = {
            f'{i}{self.suffix}':
            f'{clip.images}/{clip.image_prefix}{clip.first + i}{self.suffix}'
            for i in range(count)
        }
        files['audio.wav'] = clip.audio[1]
        there = any(row[self.key] == name for row in self._rows)
        for source, target in files.items():
            source = osp.join(self.partial, source)
            if not there:
                os.makedirs(osp.dirname(target), exist_ok=True)
                os.replace(source, target)
            elif not (osp.isfile(target)
                      and filecmp.cmp(source, target, False)):
                raise ValueError(
                    f'the clip {name} is there, but {target} is not what this '
                    'video gives: another video of this name, or other '
                    'options? Rename it, or remove the clip')
        if not there:
            os.makedirs(clip.masks, exist_ok=True)
            minutes, seconds = divmod(begin, 60)
            row = dict(
                vid=video, uid=name, name=name, s_min=int(minutes),
                s_sec=f'{seconds:g}', start=f'{begin:g}', a_obj=a_obj,
                category=a_obj, split=split, label=self.subset)
            self._rows.append({key: row[key] for key in self.columns})
        return not there
