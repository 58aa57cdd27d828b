# Copyright (c) mmteso contributors. All rights reserved.
"""The inferencer's results as files: masks, overlays, video, JSON, player."""
import base64
import glob
import html
import itertools
import json
import os
import os.path as osp
import re
import string
from typing import Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np
from PIL import Image

from mmteso.choices import SAVE
from mmteso.io import write_file, write_json
from mmteso.version import __version__
from mmteso.video import write_video
from mmteso.visualization import overlay_mask
from .clips import Clip
from .results import FrameResult

FORMAT = 'mmteso-clip/1'
_LONGEST = 1280  # of an overlay video, in pixels
_RATE = 44100  # of its sound
_PLAYER = osp.join(osp.dirname(__file__), 'player.html')


def file_name(name: str) -> str:
    """A clip's name as that of a folder; it leads nowhere else."""
    return re.sub(r'[^\w.-]+', '_', name).strip('.') or 'clip'


def paint(image: np.ndarray, mask: np.ndarray, palette: Sequence,
          semantic: bool) -> np.ndarray:
    """What sounds keeps its colours, or with ``semantic`` gets that of its
    class: RGB (H, W, 3), as the image is; ``mask`` is uint8 (H, W)."""
    shown = overlay_mask(image, mask > 0)
    if semantic:
        colors = np.asarray(palette, np.uint8)[mask]
        mixed = (shown.astype(np.uint16) + colors) // 2
        shown = np.where(mask[..., None] > 0, mixed, shown).astype(np.uint8)
    return shown


class ClipWriter:
    """Writes what is found in a clip into ``out_dir/NAME/``.

    - ``masks/{step:06d}.png``: 255 where something sounds; in the semantic
      task class indices with the palette;
    - ``overlays/{step:06d}.jpg``: what sounds in colour, the rest grey;
    - ``overlay.mp4``: the same over all pictures of the clip, with the sound
      that was listened to (H.264, AAC);
    - ``player.html``: the video with its cues, in one file;
    - ``result.json``, which is written last and so stands for a complete
      folder: ``frames``, each with ``step``, ``time`` in seconds, ``area``
      (share of the pixels that sound), ``score`` (the highest) and ``cues``;
      and ``problems``, what could not be decoded, with their times.

    Args:
        out_dir (str): The folder.
        clip (Clip): The clip.
        fps (float): Steps a second.
        save (Sequence[str]): Which of 'masks', 'overlays', 'video' and 'html'
            (which needs 'video').
        classes, palette: Of the masks.
        semantic (bool): Whether masks hold classes.
        keep_sound (bool): The video's sound is that of the frames, not the
            clip's own. Defaults to False.

    Raises:
        ValueError: If ``save`` has other words.
    """

    def __init__(self, out_dir: Union[str, os.PathLike], clip: Clip,
                 fps: float, save: Sequence[str], classes: Sequence[str],
                 palette: Sequence, semantic: bool,
                 keep_sound: bool = False) -> None:
        if set(save) - set(SAVE) or 'html' in save and 'video' not in save:
            raise ValueError(f'save takes {SAVE}, html only with video, but '
                             f'got {tuple(save)}')
        self.clip, self.fps, self.save = clip, fps, save
        self.classes, self.palette = classes, palette
        self.semantic, self.keep_sound = semantic, keep_sound
        self.folder = osp.join(out_dir, file_name(clip.name))
        self._masks = osp.join(self.folder, 'masks')
        self._records: List[dict] = []
        self._without_cues: List[dict] = []
        self._heard: List[np.ndarray] = []
        self._rate = _RATE
        for earlier in ('result.json', 'overlay.mp4', 'player.html',
                        'masks/*.png', 'overlays/*.jpg'):
            for path in glob.glob(osp.join(glob.escape(self.folder), earlier)):
                os.remove(path)
        os.makedirs(self._masks, exist_ok=True)

    def add(self, frame: FrameResult) -> None:
        """Write a frame."""
        if self.semantic:
            picture = Image.fromarray(frame.mask)
            picture.putpalette(np.asarray(self.palette, np.uint8).tobytes())
        else:
            picture = Image.fromarray(frame.mask * np.uint8(255))
        picture.save(self._mask_file(frame.index))
        if 'overlays' in self.save:
            os.makedirs(osp.join(self.folder, 'overlays'), exist_ok=True)
            painted = paint(frame.image, frame.mask, self.palette,
                            self.semantic)
            Image.fromarray(painted).save(
                osp.join(self.folder, 'overlays', f'{frame.index:06d}.jpg'),
                quality=90)
        if 'video' in self.save and self.keep_sound:
            self._rate, length = frame.sample_rate, round(
                frame.sample_rate / self.fps)
            block = frame.sound[-length:]
            self._heard.append(np.pad(block, (0, length - len(block))))
        if frame.problem:
            self._without_cues.append(dict(
                time=round(frame.index / self.fps, 3),
                what=f'no cues: {frame.problem}'))
        self._records.append(
            dict(
                step=frame.index,
                time=round(frame.time, 4),
                area=round(float((frame.mask > 0).mean()), 6),
                score=round(float(frame.score.max()), 6),
                cues=[
                    dict(cue=cue.name, score=cue.score, kept=cue.kept)
                    for cue in frame.cues
                ]))

    def finish(self) -> dict:
        """Write the rest; gives what ``result.json`` holds."""
        if 'video' in self.save:
            write_video(
                osp.join(self.folder, 'overlay.mp4'), self._overlays(),
                self._sound(), self._rate)
        if 'masks' not in self.save:
            for record in self._records:
                os.remove(self._mask_file(record['step']))
            os.rmdir(self._masks)
        problems = [
            dict(time=None if np.isnan(time) else round(time, 3), what=what)
            for time, what in dict.fromkeys(self.clip.problems)
        ] + self._without_cues
        result = dict(
            format=FORMAT,
            name=self.clip.name,
            source=osp.basename(self.clip.origin),
            fps=self.fps,
            classes=list(self.classes),
            version=__version__,
            frames=self._records,
            problems=problems)
        if 'html' in self.save:
            _write_player(self.folder, result)
        write_json(result, osp.join(self.folder, 'result.json'))
        return result

    def _mask_file(self, step: int) -> str:
        return osp.join(self._masks, f'{step:06d}.png')

    def _sound(self) -> Optional[Iterator[np.ndarray]]:
        if self.keep_sound:
            audible = any(block.any() for block in self._heard)
            return iter(self._heard) if audible else None
        own = self.clip.sound(_RATE)
        if own is None:
            return None
        seconds = itertools.takewhile(own.lasts, itertools.count())
        return (own.window(second, 1.) for second in seconds)

    def _overlays(self) -> Iterator[Tuple[float, np.ndarray]]:
        """All pictures of the clip, each with the mask of its step."""
        shown, mask = -1, np.zeros(0)
        for time, image in self.clip.pictures(self.fps, _LONGEST):
            step = min(int(time * self.fps + 1e-6), len(self._records) - 1)
            if step != shown:
                shown = step
                with Image.open(self._mask_file(step)) as picture:
                    mask = np.asarray(
                        picture.resize((image.shape[1], image.shape[0]),
                                       Image.Resampling.NEAREST))
            yield time, paint(image, mask, self.palette, self.semantic)


def _write_player(folder: str, result: dict) -> None:
    with open(osp.join(folder, 'overlay.mp4'), 'rb') as file:
        video = base64.b64encode(file.read()).decode()
    with open(_PLAYER, encoding='utf-8') as file:
        template = string.Template(file.read())
    # cues are strangers' text: nothing in them ends the script
    data = json.dumps(result).replace('<', '\\u003c')
    page = template.substitute(
        title=html.escape(result['name']), video=video, data=data)
    write_file(osp.join(folder, 'player.html'), page)
