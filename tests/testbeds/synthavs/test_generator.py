# Copyright (c) mmteso contributors. All rights reserved.
import csv
import hashlib
import json
import wave
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from mmteso.audio.log_mel import log_mel_examples
from mmteso.testbeds.synthavs import (CLASSES, LABEL2IDX, PALETTE,
                                      generate_synthavs)
from mmteso.testbeds.synthavs.generator import generate_video
from mmteso.testbeds.synthavs.scenario import (draw_sounding, draw_visible,
                                               plan_split)
from mmteso.testbeds.synthavs.timbres import OBJECT_RMS

FRAMES = 3
SIZE = 32


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp('data') / 'synthavs'
    generate_synthavs(path, videos=26, frames=FRAMES, size=SIZE, seed=0)
    return path


@pytest.fixture(scope='module')
def rows(root):
    with open(root / 'metadata.csv', newline='') as file:
        return list(csv.DictReader(file))


def _index(root, uid, kind, frame):
    return np.array(Image.open(root / 'v2' / uid / kind / f'{frame}.png'))


def _names(index_map):
    return {CLASSES[i] for i in np.unique(index_map) if i}


def _tree(root):
    return {
        str(path.relative_to(root)): hashlib.sha256(
            path.read_bytes()).hexdigest()
        for path in root.rglob('*') if path.is_file()
    }


def test_layout_is_exact(root, rows):
    expected = {
        'metadata.csv', 'label2idx.json', 'cues.jsonl',
        'cue_bank.safetensors', 'README.txt', 'synthavs.json'
    }
    for row in rows:
        folder = f'v2/{row["uid"]}'
        expected.add(f'{folder}/audio.wav')
        for t in range(FRAMES):
            expected.add(f'{folder}/frames/{t}.jpg')
            for kind in ('labels_rgb', 'labels_semantic', 'labels_visible'):
                expected.add(f'{folder}/{kind}/{t}.png')
    assert set(_tree(root)) == expected
    assert 'NOT AVSBENCH' in (root / 'README.txt').read_text()


def test_metadata(root, rows):
    assert list(rows[0]) == [
        'vid', 'uid', 's_min', 's_sec', 'a_obj', 'split', 'label'
    ]
    assert Counter(row['split'] for row in rows) == dict(
        train=20, val=2, test=4)
    assert len({row['vid'] for row in rows}) == len(rows)
    for row in rows:
        assert row['uid'] == f'{row["vid"]}_0_{FRAMES * 1000}'
        assert (row['s_min'], row['s_sec'], row['label']) == ('0', '0', 'v2')
    assert json.loads(
        (root / 'label2idx.json').read_text()) == LABEL2IDX


def test_a_obj_names_what_sounds_in_the_clip(root, rows):
    for row in rows:
        sounding = set().union(*(_names(
            _index(root, row['uid'], 'labels_semantic', t))
                                 for t in range(FRAMES)))
        listed = row['a_obj'].split('_')
        assert listed == sorted(sounding, key=CLASSES.index) or (
            not sounding and listed == ['background'])


def test_a_silent_clip_is_background(tmp_path):
    """With one frame a clip, each silent second makes a silent clip."""
    generate_synthavs(tmp_path, videos=104, frames=1, size=24)
    with open(tmp_path / 'metadata.csv', newline='') as file:
        a_obj = [row['a_obj'] for row in csv.DictReader(file)]
    # 15 % of 80, 8 and 16 frames, rounded down.
    assert a_obj.count('background') == 12 + 1 + 2


def test_images(root, rows):
    for row in rows:
        for t in range(FRAMES):
            folder = root / 'v2' / row['uid']
            frame = Image.open(folder / 'frames' / f'{t}.jpg')
            assert (frame.format, frame.mode, frame.size) == ('JPEG', 'RGB',
                                                              (SIZE, SIZE))
            labels = _index(root, row['uid'], 'labels_semantic', t)
            visible = _index(root, row['uid'], 'labels_visible', t)
            colours = _index(root, row['uid'], 'labels_rgb', t)
            assert labels.shape == visible.shape == (SIZE, SIZE)
            assert colours.shape == (SIZE, SIZE, 3)
            np.testing.assert_array_equal(colours,
                                          np.array(PALETTE)[labels])
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
            if _names(_index(root, row['uid'], 'labels_semantic', t)):
                # In all tenths of the second, at least 14 dB under the
                # nominal level (-4 dB of level, -7 dB of modulation).
                tenths = np.sqrt(np.mean(second.reshape(10, -1)**2, axis=1))
                assert tenths.min() > OBJECT_RMS * 10**(-14 / 20)


def test_silent_seconds_are_silence_or_noise_of_the_planned_level():
    plans = plan_split(40, 5, np.random.default_rng(0))
    seen = Counter()
    for number, plan in enumerate(plans):
        if not any(plan.silent):
            continue
        video = generate_video(plan, 'train', 24,
                               np.random.default_rng(number))
        seconds = video.audio.reshape(5, 16000) / 32767
        for second, silent, ambient, sounding in zip(seconds, plan.silent,
                                                     plan.ambient,
                                                     video.sounding):
            assert sounding.any() != silent
            if ambient is not None:
                decibel = 20 * np.log10(
                    np.sqrt(np.mean(second**2)) / OBJECT_RMS)
                assert decibel == pytest.approx(ambient[1], abs=0.3)
                seen[ambient[0]] += 1
            elif silent:
                assert not second.any()
                seen['silence'] += 1
    assert seen == dict(silence=15, white=5, pink=5, brown=5)


def test_cues_are_the_visible_classes(root, rows):
    with open(root / 'cues.jsonl') as file:
        lines = [json.loads(line) for line in file]
    assert [(line['uid'], line['frame']) for line in lines
            ] == [(row['uid'], t) for row in rows for t in range(FRAMES)]
    shuffled = 0
    for line in lines:
        assert list(line) == [
            'uid', 'frame', 'cues', 'caption', 'reasoning', 'captioner',
            'reasoner', 'prompt', 'prompt_hash', 'status', 'seconds',
            'caption_prompt_hash', 'error'
        ]
        visible = _names(
            _index(root, line['uid'], 'labels_visible', line['frame']))
        assert len(line['cues']) == len(set(line['cues']))
        assert set(line['cues']) == visible
        assert all(cue in line['caption'] for cue in line['cues'])
        assert line['captioner'] == line['reasoner'] == 'synthavs'
        assert line['status'] == 'ok' and line['seconds'] is None
        shuffled += line['cues'] != sorted(visible, key=CLASSES.index)
    assert shuffled > len(lines) / 4


def test_summary_counts_what_is_on_disk(tmp_path):
    summary = generate_synthavs(tmp_path, videos=26, frames=2, size=24)
    with open(tmp_path / 'metadata.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    for split, counts in summary.items():
        uids = [row['uid'] for row in rows if row['split'] == split]
        found = Counter()
        for uid in uids:
            for t in range(2):
                sounding = _names(_index(tmp_path, uid, 'labels_semantic', t))
                visible = _names(_index(tmp_path, uid, 'labels_visible', t))
                found['frames'] += 1
                found['silent'] += not sounding
                found['partial'] += 0 < len(sounding) < len(visible)
                found[f'visible_{len(visible)}'] += 1
        assert counts['videos'] == len(uids)
        for key in ('frames', 'silent', 'partial', 'visible_1', 'visible_2',
                    'visible_3'):
            assert counts[key] == found[key], (split, key)


@pytest.mark.parametrize('seed', [0, 1, 2])
def test_demo_sized_splits_are_silent_and_partial_as_promised(seed):
    """The default test split: at most 18 % silent, most frames partial."""
    rng = np.random.default_rng(seed)
    silent = partial = 0
    for plan in plan_split(80, 5, rng):
        names = draw_visible(plan.num_visible, rng)
        sounding = draw_sounding(names, 'test', plan.silent, rng)
        number = sounding.sum(axis=1)
        silent += (number == 0).sum()
        partial += ((number > 0) & (number < len(names))).sum()
    assert silent / 400 == 0.15
    # 0.85 * (0.45 * 2 / 3 + 0.40 * 6 / 7) on average.
    assert partial / 400 == pytest.approx(0.546, abs=0.06)


def test_training_prior_is_skewed_and_test_prior_is_not():
    share = {}
    for split in ('train', 'test'):
        visible, sounding = Counter(), Counter()
        rng = np.random.default_rng(0)
        for plan in plan_split(90, 4, rng):
            video = generate_video(plan, split, 24, rng)
            for second in video.sounding[~np.array(plan.silent)]:
                visible.update(video.names)
                sounding.update(np.array(video.names)[second].tolist())
        share[split] = {
            name: sounding[name] / visible[name]
            for name in CLASSES[1:]
        }
    assert share['train']['red-disc'] > share['train']['orange-star'] + 0.35
    assert abs(share['test']['red-disc'] - share['test']['orange-star']) < 0.2
    spread = {split: np.std(list(of.values())) for split, of in share.items()}
    assert spread['train'] > 2 * spread['test']


def test_same_seed_same_bytes_and_another_seed_other_bytes(tmp_path):
    for name, seed in (('a', 3), ('b', 3), ('c', 4)):
        generate_synthavs(
            tmp_path / name, videos=6, frames=2, size=24, seed=seed)
    first, second, other = (_tree(tmp_path / name) for name in 'abc')
    assert first == second
    assert first.keys() == other.keys()
    differing = {path for path in first if first[path] != other[path]}
    for kind in ('frames', 'labels_visible', 'audio.wav'):
        assert all(path in differing for path in first if kind in path), kind


def test_streams_do_not_depend_on_order():
    """A video is the same whatever was made before it."""
    plan = plan_split(1, 2, np.random.default_rng(0))[0]
    streams = np.random.SeedSequence(0).spawn(2)
    alone = generate_video(plan, 'train', 24, np.random.default_rng(
        streams[1]))
    generate_video(plan, 'test', 24, np.random.default_rng(streams[0]))
    later = generate_video(plan, 'train', 24, np.random.default_rng(
        streams[1]))
    np.testing.assert_array_equal(alone.audio, later.audio)
    np.testing.assert_array_equal(alone.images, later.images)


def _mixtures(videos, split, seed):
    """Mean and deviation of the log-mel bands, and which classes sound."""
    rng = np.random.default_rng(seed)
    features, targets = [], []
    for plan in plan_split(videos, 4, rng):
        video = generate_video(plan, split, 24, rng)
        clips = video.audio.reshape(4, 16000)[:, :15600] / 32768
        log_mel = log_mel_examples(torch.from_numpy(clips))[:, 0, 0]
        features.append(
            torch.cat([log_mel.mean(1), log_mel.std(1)], dim=1).numpy())
        target = np.zeros((4, len(CLASSES)))
        for name, sounds in zip(video.names, video.sounding.T):
            target[:, LABEL2IDX[name]] = sounds
        targets.append(target[:, 1:])
    return np.concatenate(features), np.concatenate(targets)


def test_linear_probe_hears_every_class_in_mixtures():
    """Least squares on 128 log-mel statistics, with ridge; noise included.

    A logistic probe on the default data set is right in all frames; least
    squares is cruder, and trained here on a seventh of the data.
    """
    x, y = _mixtures(75, 'train', seed=0)
    x_test, y_test = _mixtures(30, 'test', seed=1)
    mean, std = x.mean(0), x.std(0) + 1e-3
    x, x_test = (np.c_[(z - mean) / std, np.ones(len(z))]
                 for z in (x, x_test))
    weights = np.linalg.solve(x.T @ x + 3 * np.eye(x.shape[1]), x.T @ y)
    right = (x_test @ weights > 0.5) == (y_test > 0.5)
    assert right.mean(axis=0).min() > 0.95
    # Nor is that the accuracy of never hearing a class.
    for column, sounds in zip(right.T, y_test.T > 0):
        assert column[sounds].mean() > 0.9


@pytest.mark.parametrize('arguments, message', [
    (dict(videos=2), 'videos=2'),
    (dict(frames=0), 'frames=0'),
    (dict(size=16), 'size=16'),
    (dict(seed=-1), 'seed=-1'),
])
def test_arguments_out_of_range(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        generate_synthavs(tmp_path / 'out', **arguments)
    assert not (tmp_path / 'out').exists()
