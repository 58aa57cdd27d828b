# Copyright (c) mmteso contributors. All rights reserved.
"""Tiny data sets for tests: AVSBench's two layouts, written to a folder.

    from data import make_avsbench
    root = make_avsbench(tmp_path)
    dataset = AVSBenchDataset(root, subsets='v1m', split='train')

Same arguments, same files. The frames show rectangles in their class's
colour on a grey gradient, the sound is one tone per class, and the last
frame of each clip is silent: empty mask, zero samples.
"""
import json
import os.path as osp
import pickle
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

import numpy as np
import pandas as pd
import torch
from PIL import Image
from scipy.io import wavfile

from mmteso.choices import FRAMES_PER_CLIP
from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES, voc_palette

SPLITS = ('train', 'val', 'test')
SAMPLE_RATE = 16000
COLUMNS = ['vid', 'uid', 's_min', 's_sec', 'a_obj', 'split', 'label']


def write_wav(path, seconds: float, tones: Sequence[float],
              silent_from: Optional[float] = None) -> None:
    """Write a mono 16-bit wav file of tones in Hz, mixed equally; from the
    second ``silent_from`` on the samples are 0."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    sound = sum(np.sin(2 * np.pi * tone * time) for tone in tones)
    sound = 0.5 * sound / max(len(tones), 1) * np.ones_like(time)
    if silent_from is not None:
        sound[time >= silent_from] = 0
    wavfile.write(path, SAMPLE_RATE, (sound * 32767).astype('<i2'))


def tone_of(label: int) -> float:
    """Frequency in Hz of the tone that a class index sounds with."""
    return 200. + 50 * label


def _draw(labels: np.ndarray, sounding: Sequence[int], frame: int) -> None:
    """Put one rectangle per class side by side, moving with the frame."""
    height, width = labels.shape
    strip = width // max(len(sounding), 1)
    for place, label in enumerate(sounding):
        top = (2 + frame) % (height // 2)
        left = place * strip + 1
        labels[top:top + height // 2, left:left + strip - 2] = label


def _frame_image(labels: np.ndarray, palette: np.ndarray,
                 rng: np.random.Generator) -> np.ndarray:
    """Paint the labels on a grey gradient with a little noise."""
    grey = np.linspace(90, 160, labels.shape[1])[None, :, None]
    image = np.broadcast_to(grey, labels.shape + (3, )).copy()
    image[labels > 0] = palette[labels[labels > 0]]
    return np.clip(image + rng.normal(0, 4, image.shape), 0,
                   255).astype(np.uint8)


def make_avsbench(
        root, subsets: Sequence[str] = ('v1s', 'v1m', 'v2'),
        splits: Sequence[str] = SPLITS, clips: int = 1,
        frame_size: Tuple[int, int] = (24, 32), frames: Optional[int] = None,
        class_names: Sequence[str] = AVSBENCH_CLASSES,
        palette: Optional[Sequence[Sequence[int]]] = None,
        visible: bool = False, seed: int = 0) -> str:
    """Write a data set in the layout of the AVSBench-semantic release.

    Clips of v1s hold one class, the others two, which change from clip to
    clip; in odd frames of the latter only the first of the two sounds (and
    is in the mask). v1s train clips have a mask for frame 0 only. A uid is
    '{subset}-{split}-{number}_0_{milliseconds}'. Each frame's cues are the
    clip's classes and one that doesn't sound.

    ``clips`` are written for each subset and split, of the release's length
    unless ``frames`` says another; ``frame_size`` is (height, width), and
    ``visible`` says whether there is labels_visible. Returns ``root``.
    """
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    palette = np.array(palette or voc_palette(len(class_names)))
    rows: List[list] = []
    cues: List[dict] = []
    for subset in subsets:
        length = frames or FRAMES_PER_CLIP[subset]
        for split in splits:
            for number in range(clips):
                uid = f'{subset}-{split}-{number}_0_{1000 * length}'
                count = 2 if subset == 'v1s' else 3
                chosen = 1 + rng.permutation(len(class_names) - 1)[:count]
                *sounding, distractor = chosen.tolist()
                names = [class_names[label] for label in sounding]
                rows.append([f'{subset}-{split}', uid, 0, 0, '_'.join(names),
                             split, subset])
                masked = 1 if (subset, split) == ('v1s', 'train') else length
                _write_clip(root / subset / uid, sounding, length, masked,
                            frame_size, palette, visible, rng)
                cues += [dict(uid=uid, frame=frame,
                              cues=names + [class_names[distractor]])
                         for frame in range(length)]
    pd.DataFrame(rows, columns=COLUMNS).to_csv(
        root / 'metadata.csv', index=False)
    (root / 'label2idx.json').write_text(
        json.dumps({name: index for index, name in enumerate(class_names)}))
    (root / 'cues.jsonl').write_text(''.join(
        json.dumps(cue) + '\n' for cue in cues))
    return str(root)


def _write_clip(clip: Path, sounding: Sequence[int], length: int, masked: int,
                frame_size: Tuple[int, int], palette: np.ndarray,
                visible: bool, rng: np.random.Generator) -> None:
    """Write a clip's frames, masks and sound."""
    folders = ['frames', 'labels_rgb', 'labels_semantic']
    for folder in folders + ['labels_visible'] * visible:
        (clip / folder).mkdir(parents=True)
    for frame in range(length):
        seen = np.zeros(frame_size, np.uint8)
        _draw(seen, sounding, frame)
        heard = seen.copy()
        if frame == length - 1 and length > 1:
            heard[:] = 0
        elif frame % 2:
            heard[heard != sounding[0]] = 0
        Image.fromarray(_frame_image(seen, palette, rng)).save(
            clip / 'frames' / f'{frame}.jpg', quality=95)
        if visible:
            Image.fromarray(seen).save(clip / 'labels_visible' /
                                       f'{frame}.png')
        if frame < masked:
            Image.fromarray(heard).save(clip / 'labels_semantic' /
                                        f'{frame}.png')
            Image.fromarray(palette[heard].astype(
                np.uint8)).save(clip / 'labels_rgb' / f'{frame}.png')
    write_wav(clip / 'audio.wav', length,
              [tone_of(label) for label in sounding], silent_from=length - 1
              if length > 1 else None)


def make_v3_lists(root) -> str:
    """Write AVS-V3's lists for what :func:`make_avsbench` wrote.

    Clips of train and val are seen, clips of test (more than 5) are unseen;
    the first k of these, all classes together, are the k shots. As published,
    the few-shot lists name no objects, and each says 'v3_1_shot_train'.
    Returns ``root/v3``.
    """
    folder = Path(root, 'v3')
    clips = pd.read_csv(Path(root, 'metadata.csv'))
    lists = {f'meta_v3_{word}.csv': clips[clips.split == split].assign(
                 split=word) for word, split in (
                 ('seen_train', 'train'), ('seen_val', 'val'),
                 ('unseen', 'test'))}
    unseen = lists['meta_v3_unseen.csv'].assign(
        s_min='', s_sec='', a_obj='', split='v3_1_shot_train')
    for shots in (1, 3, 5):
        lists[f'v3_{shots}_shot/train.csv'] = unseen[:shots]
        lists[f'v3_{shots}_shot/test.csv'] = unseen[shots:]
    for name, chosen in lists.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        chosen.to_csv(folder / name, index=False)
    return str(folder)


def make_synthavs_index(root, clips: Sequence[Tuple[str, str]],
                        class_names: Sequence[str]) -> str:
    """Write what says which objects a SynthAVS's clips show; no frames.

    Of each clip the visible classes and those that sound are given, joined by
    ``_``. All are visible in frame 1 of 2, in frame 0 only the first. A uid is
    the clip's number. Returns ``root``.
    """
    root = Path(root)
    rows = []
    for number, (visible, heard) in enumerate(clips):
        folder = root / 'v2' / str(number) / 'labels_visible'
        folder.mkdir(parents=True)
        labels = [list(class_names).index(n) for n in visible.split('_')]
        for frame, shown in enumerate((labels[:1], labels)):
            image = np.zeros((4, 8), np.uint8)
            image[0, :len(shown)] = shown
            Image.fromarray(image).save(folder / f'{frame}.png')
        rows.append([number, number, 0, 0, heard or 'background', 'train',
                     'v2'])
    pd.DataFrame(rows, columns=COLUMNS).to_csv(
        root / 'metadata.csv', index=False)
    (root / 'synthavs.json').write_text(
        json.dumps(dict(complete=True, arguments=dict(frames=2))))
    return str(root)


def make_avsbench_object(
        root, subset: str = 's4', splits: Sequence[str] = SPLITS,
        clips: int = 1, mask_mode: str = '1',
        audio: Sequence[str] = ('wav', 'log_mel')) -> str:
    """Write a data set in the layout of the AVSBench-object release.

    Every clip has 5 frames; the last one is silent. S4 train clips have a
    mask for the first frame only. ``mask_mode`` is Pillow's, of the 0/255 mask
    images. Returns ``root``.
    """
    root = Path(root)
    rng = np.random.default_rng(0)
    palette = np.array([[0, 0, 0], [255, 255, 255]])
    single = subset == 's4'
    home = root / ('Single-source' if single else 'Multi-sources')
    data = home / f'{subset}_data'
    rows = []
    for split in splits:
        for number in range(clips):
            name = f'{subset}-{split}-{number}'
            category = ('dog_barking', 'playing_piano')[number % 2]
            rows.append([name, 0, category, split] if single else
                        [name, split])
            below = osp.join(split, category) if single else split
            images = data / 'visual_frames' / (
                osp.join(below, name) if single else name)
            masks = data / 'gt_masks' / below / name
            for folder in (images, masks):
                folder.mkdir(parents=True)
            for frame in range(5):
                labels = np.zeros((24, 24), np.uint8)
                _draw(labels, [1], frame)
                stem = f'{name}_{frame + 1}.png'
                image_stem = stem if single else \
                    f'{name}.mp4_{frame + 1}.png'
                Image.fromarray(_frame_image(labels, palette, rng)).save(
                    images / image_stem)
                if frame and single and split == 'train':
                    continue
                if frame == 4:
                    labels[:] = 0
                Image.fromarray(labels * 255).convert(mask_mode).save(
                    masks / stem)
            if 'wav' in audio:
                folder = data / 'audio_wav' / below
                folder.mkdir(parents=True, exist_ok=True)
                write_wav(
                    folder / f'{name}.wav', 5, [440. + number], silent_from=4)
            if 'log_mel' in audio:
                folder = data / 'audio_log_mel' / below
                folder.mkdir(parents=True, exist_ok=True)
                log_mel = rng.normal(-3, 1, (5, 1, 96, 64)).clip(-4.6)
                log_mel = torch.from_numpy(log_mel.astype(np.float32))
                (folder / f'{name}.pkl').write_bytes(
                    pickle.dumps(log_mel.requires_grad_()))
    columns = ['name', 'start', 'category', 'split']
    pd.DataFrame(rows, columns=columns if single else columns[::3]).to_csv(
        home / f'{subset}_meta_data.csv', index=False)
    return str(root)
