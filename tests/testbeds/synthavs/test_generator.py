# Copyright (c) mmteso contributors. All rights reserved.
import csv
import hashlib
import json
import wave
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from mmteso.datasets import AVSBenchDataset
from mmteso.datasets.avsbench_meta import voc_palette
from mmteso.io import CueFile
from mmteso.testbeds.synthavs import CLASSES, VARIANTS, generate_synthavs

FRAMES = 3
SIZE = 32
RMS = VARIANTS['easy'].object_rms


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp('data') / 'synthavs'
    generate_synthavs(path, videos=26, frames=FRAMES, size=SIZE, seed=0)
    return path


@pytest.fixture(scope='module')
def rows(root):
    with open(root / 'metadata.csv', newline='') as file:
        return list(csv.DictReader(file))


def read_map(root, uid, kind, frame):
    return np.array(Image.open(root / 'v2' / uid / kind / f'{frame}.png'))


def names_in(index_map):
    return {CLASSES[i] for i in np.unique(index_map) if i}


def hashes(root):
    return {
        str(path.relative_to(root)): hashlib.sha256(
            path.read_bytes()).hexdigest()
        for path in root.rglob('*') if path.is_file()
    }


def test_index_files(root, rows):
    assert 'NOT AVSBENCH' in (root / 'README.txt').read_text()
    assert list(json.loads((root / 'label2idx.json').read_text()).items()) == [
        (name, index) for index, name in enumerate(CLASSES)
    ]
    assert Counter(row['split'] for row in rows) == dict(
        train=20, val=2, test=4)
    for row in rows:
        assert row['uid'] == f'{row["vid"]}_0_{FRAMES * 1000}'
        assert (row['s_min'], row['s_sec'], row['label']) == ('0', '0', 'v2')
        sounding = set().union(*(names_in(
            read_map(root, row['uid'], 'labels_semantic', t))
                                 for t in range(FRAMES)))
        assert row['a_obj'] == ('_'.join(
            sorted(sounding, key=CLASSES.index)) or 'background')


def test_frames_and_masks(root, rows):
    for row in rows:
        for t in range(FRAMES):
            frame = Image.open(root / 'v2' / row['uid'] / f'frames/{t}.jpg')
            assert (frame.format, frame.mode, frame.size) == ('JPEG', 'RGB',
                                                              (SIZE, SIZE))
            labels, visible, colours = (
                read_map(root, row['uid'], kind, t)
                for kind in ('labels_semantic', 'labels_visible',
                             'labels_rgb'))
            np.testing.assert_array_equal(
                colours,
                np.array(voc_palette(len(CLASSES)))[labels])
            # Sounding is a subset of visible, whole objects at a time.
            shown = labels > 0
            np.testing.assert_array_equal(labels[shown], visible[shown])
            for index in np.unique(labels[shown]):
                assert (labels == index).sum() == (visible == index).sum()
            # Everything visible is well visible.
            areas = np.unique(visible[visible > 0], return_counts=True)[1]
            assert 1 <= len(areas) <= 3
            assert areas.min() >= 0.015 * SIZE**2


def test_audio_sounds_when_the_labels_say(root, rows):
    for row in rows:
        with wave.open(str(root / 'v2' / row['uid'] / 'audio.wav')) as file:
            assert (file.getframerate(), file.getnchannels(),
                    file.getsampwidth()) == (16000, 1, 2)
            audio = np.frombuffer(file.readframes(10**6), '<i2') / 32767
        assert len(audio) == FRAMES * 16000
        assert np.abs(audio).max() < 1
        for t, second in enumerate(audio.reshape(FRAMES, 16000)):
            if read_map(root, row['uid'], 'labels_semantic', t).any():
                # In all tenths of the second, at least 14 dB under the
                # nominal level (-4 dB of level, -7 dB of modulation).
                tenths = np.sqrt(np.mean(second.reshape(10, -1)**2, axis=1))
                assert tenths.min() > RMS * 10**(-14 / 20)


def test_read_as_avsbench(root):
    """Cues are the visible classes, in random order; a_obj names others."""
    cues = CueFile(str(root / 'cues.jsonl'))
    shuffled = 0
    for split, videos in (('train', 20), ('val', 2), ('test', 4)):
        dataset = AVSBenchDataset(
            str(root),
            subsets='v2',
            split=split,
            task='semantic',
            metainfo=dict(classes='label2idx.json'))
        assert len(dataset) == videos * FRAMES
        assert dataset.metainfo['classes'] == CLASSES
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            record = cues[info['uid'], info['frame']]
            visible = names_in(np.array(Image.open(info['visible_map_path'])))
            assert len(record.cues) == len(visible)
            assert set(record.cues) == visible
            assert record.captioner == record.reasoner == 'synthavs'
            shuffled += list(record.cues) != sorted(visible, key=CLASSES.index)
    assert shuffled > 10
    with pytest.raises(ValueError, match='label2idx.json lists 9 classes'):
        AVSBenchDataset(str(root), subsets='v2')


def test_seeds(tmp_path):
    for name, seed in (('a', 3), ('b', 3), ('c', 4)):
        generate_synthavs(
            tmp_path / name, videos=6, frames=2, size=24, seed=seed)
    first, second, other = (hashes(tmp_path / name) for name in 'abc')
    assert first == second
    assert first.keys() == other.keys()
    for path in first:
        if 'frames' in path or 'visible' in path or 'audio' in path:
            assert first[path] != other[path]


@pytest.mark.parametrize('variant, labels, loudness', [
    ('easy', '1a69157b2ae115d9', [0.07689, 0.08228, 0.05302]),
    ('hard', '13ab406853c9b101', [0.02856, 0.03562, 0.04774, 0.05216]),
])
def test_it_is_what_it_was(tmp_path, variant, labels, loudness):
    """Stored, so that a change of it doesn't go by without a new version.

    Label maps to the byte. Sound only closely, since another release of NumPy
    may round differently.
    """
    generate_synthavs(
        tmp_path, videos=3 + (variant == 'hard'), frames=2, size=24,
        variant=variant)
    digest = hashlib.sha256()
    for path in sorted(tmp_path.glob('v2/*/labels_*/*.png')):
        digest.update(np.array(Image.open(path)).tobytes())
    assert digest.hexdigest()[:16] == labels
    found = []
    for path in sorted(tmp_path.glob('v2/*/audio.wav')):
        with wave.open(str(path)) as file:
            sound = np.frombuffer(file.readframes(10**6), '<i2') / 32767
        found.append(np.sqrt(np.mean(sound**2)))
    assert found == pytest.approx(loudness, abs=2e-5)


@pytest.mark.parametrize('arguments', [
    dict(videos=2),
    dict(frames=0),
    dict(size=16),
    dict(seed=-1),
    dict(train_silent_percent=101),
    dict(variant='medium'),
])
def test_arguments_out_of_range(tmp_path, arguments):
    (name, value), = arguments.items()
    with pytest.raises(ValueError, match=f'{name}.*{value!r}'):
        generate_synthavs(tmp_path / 'out', **arguments)
    assert not (tmp_path / 'out').exists()
