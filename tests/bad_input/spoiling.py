# Copyright (c) mmteso contributors. All rights reserved.
"""A tiny data set as it is read, what is done to it, and what is expected."""
import re

import numpy as np
from mmengine.registry import DefaultScope

from mmteso.datasets import AVSBenchDataset

UID = 'v1m-test-0_0_5000'
CLIP = f'v1m/{UID}'
FRAME, SOUND = f'{CLIP}/frames/0.jpg', f'{CLIP}/audio.wav'
MASK, INDEX = f'{CLIP}/labels_rgb/0.png', f'{CLIP}/labels_semantic/0.png'
SIZE = 24, 32
RATE = 16000


def read(root, frames=(0, 4), **options):
    """Frames of the clip as they come out of a pipeline."""
    masks = dict(type='LoadAVSAnnotations', **options.pop('masks', {}))
    options = dict(dict(subsets='v1m', split='test', task='semantic',
                        cue_file='cues.jsonl', cue_bank='bank.safetensors'),
                   **options)
    with DefaultScope.overwrite_default_scope('mmseg'):
        dataset = AVSBenchDataset(
            str(root), serialize_data=False,
            pipeline=[dict(type='LoadImageFromFile'), masks,
                      dict(type='LoadAudioClip'), dict(type='LoadTextCues')],
            **options)
        return [dataset[frame] for frame in frames]


PARTS = dict(img='img', mask='gt_seg_map', sound='waveform', cues='text_feat')


def same(**other):
    """The result is the good one, except for the named parts: those of the
    first frame equal this, or fulfil this."""

    def check(found, good, warned):
        for part, key in PARTS.items():
            values = [np.asarray(sample[key]) for sample in found]
            expected = other.get(part)
            if expected is None:
                expected = [np.asarray(sample[key]) for sample in good]
                np.testing.assert_array_equal(values[0], expected[0])
                np.testing.assert_array_equal(values[1], expected[1])
            elif callable(expected):
                assert expected(values[0], np.asarray(good[0][key]))
            else:
                np.testing.assert_array_equal(values[0], expected)
        text = other.get('warns')
        assert bool(warned) == bool(text) and all(
            re.search(text, line) for line in warned)

    return check


def near(limit):
    return lambda value, good: value.shape == good.shape and np.abs(
        value.astype(float) - good).max() <= limit


def write(path, content):
    """The file has other content: bytes, or what is made of the old one."""

    def spoil(root):
        file = root / path
        old = file.read_bytes() if file.is_file() else b''
        new = content(old) if callable(content) else content
        file.write_bytes(new.encode() if isinstance(new, str) else new)

    return spoil


def cut(share):
    return lambda old: old[:int(share * len(old))]


def move(old, new):
    return lambda root: (root / CLIP / old).rename(root / CLIP / new)


def folder(path):
    def spoil(root):
        (root / path).unlink()
        (root / path).mkdir()

    return spoil
