# Copyright (c) mmteso contributors. All rights reserved.
"""The hard variant: what its classes share, and what a split may show."""
import csv
import json
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from mmteso.audio.log_mel import log_mel_examples
from mmteso.datasets import AVSBenchDataset
from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.io import CueFile
from mmteso.testbeds.synthavs import generate_synthavs
from mmteso.testbeds.synthavs.generator import generate_video
from mmteso.testbeds.synthavs.hard import (CLASSES, HARD, LOOKS, SHAPES,
                                           TEXTURES, TIMBRES, TRAIN_PRIORS,
                                           UNSEEN)
from mmteso.testbeds.synthavs.looks import sample_body
from mmteso.testbeds.synthavs.scenario import (draw_sounding, draw_visible,
                                               plan_split, sounding_prior,
                                               split_sizes)
from mmteso.testbeds.synthavs.timbres import (NOISE_COLOURS, SAMPLE_RATE,
                                              sample_noise, sample_voice)

FRAMES = 2
MADE = dict(videos=26, frames=FRAMES, size=32, variant='hard')


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp('data') / 'synthavs-hard'
    generate_synthavs(path, **MADE)
    return path


def _parts(name):
    texture, shape = name.split('-')
    return texture, shape


# ---------------------------------------------------------------- classes
def test_classes_are_all_combinations():
    assert CLASSES[0] == 'background' and len(CLASSES) == 17
    assert set(map(_parts, CLASSES[1:])) == {(texture, shape)
                                             for texture in TEXTURES
                                             for shape in SHAPES}
    assert set(CLASSES[1:]).isdisjoint(AVSBENCH_CLASSES)
    assert not any('_' in name or ' ' in name for name in CLASSES)
    assert tuple(LOOKS) == tuple(TIMBRES) == CLASSES[1:]
    assert len(HARD.palette) == len({tuple(c) for c in HARD.palette}) == 17


def test_the_unseen_have_each_shape_and_texture_once():
    textures, shapes = zip(*map(_parts, UNSEEN))
    assert sorted(textures) == sorted(TEXTURES)
    assert sorted(shapes) == sorted(SHAPES)
    assert HARD.seen == tuple(c for c in CLASSES[1:] if c not in UNSEEN)


def test_the_preference_is_of_combinations_not_of_a_factor():
    assert set(TRAIN_PRIORS) == set(HARD.seen)
    for part, names in ((0, TEXTURES), (1, SHAPES)):
        for name in names:
            priors = [
                prior for key, prior in TRAIN_PRIORS.items()
                if _parts(key)[part] == name
            ]
            assert sorted(priors) == [0.25, 0.55, 0.85]
    for name in CLASSES[1:]:
        assert sounding_prior('test_unseen', name, HARD) == 0.5


def test_shape_sets_the_pitch_and_texture_the_timbre():
    for name, timbre in TIMBRES.items():
        texture, shape = _parts(name)
        assert timbre.pitch == SHAPES[shape][1]
        others = [TIMBRES[f'{texture}-{other}'] for other in SHAPES]
        for key in ('partials', 'tremolo', 'band'):
            assert len({getattr(other, key) for other in others}) == 1
    for low, high in (('disc', 'ring'), ('star', 'cross')):
        pitches = [SHAPES[shape][1] for shape in (low, high)]
        # The range of one reaches into the other's.
        detune = TIMBRES[f'solid-{low}'].detune
        assert pitches[0] * (1 + detune) > pitches[1] * (1 - detune)
        assert pitches[0] < pitches[1]


# ---------------------------------------------------------------- looks
@pytest.mark.parametrize('name', CLASSES[1:])
def test_two_tones_inside_the_shape(name):
    texture, shape = _parts(name)
    for seed in range(3):
        body = sample_body(LOOKS[name], np.random.default_rng(seed),
                           HARD.areas)
        coverage = body.coverage(1.5, 96)
        assert coverage.mean() == pytest.approx(body.area, rel=0.02)
        assert HARD.areas[0] <= body.area <= HARD.areas[1]
        tones = body.tones(1.5, 96)
        if texture == 'solid':
            assert tones.shape == (3, ) and len(body.colours) == 1
            continue
        light = tones[coverage == 1].mean(axis=1)
        first, second = (np.mean(colour) for colour in body.colours)
        # Told at 96 x 96: both tones stand apart and are there in full.
        assert abs(first - second) > 0.25
        for tone in (first, second):
            assert (np.abs(light - tone) < 0.02).mean() > 0.1


def test_a_pattern_moves_and_turns_with_its_object():
    """At two times, the same pixels relative to the object."""
    body = sample_body(LOOKS['checkered-disc'], np.random.default_rng(0))
    still = type(body)(**{**body.__dict__, 'spin': 0.0})
    size = 400
    shift = (still.place(2) - still.place(0)) * size
    # To whole pixels, so that both can be compared pixel by pixel.
    whole = np.round(shift)
    moved = type(body)(**{
        **still.__dict__, 'centre': still.centre + (whole - shift) / size
    })
    before, after = still.tones(0, size), moved.tones(2, size)
    inside = still.coverage(0, size) == 1
    columns, rows = whole.astype(int)
    back = np.roll(after, (-rows, -columns), (0, 1))
    np.testing.assert_allclose(back[inside], before[inside], atol=1e-6)
    turned = type(body)(**{**still.__dict__, 'angle': still.angle + 0.5})
    assert np.abs(turned.tones(0, size) - before)[inside].mean() > 0.1


def test_colour_does_not_tell_the_class():
    hues = {}
    for name in ('solid-disc', 'striped-star'):
        rng = np.random.default_rng(0)
        colours = [LOOKS[name].colours(rng)[0] for _ in range(200)]
        hues[name] = np.mean(colours, axis=0)
        # no channel leads on average
        assert np.ptp(hues[name]) < 0.1


# ---------------------------------------------------------------- splits
@pytest.mark.parametrize('videos, expected', [
    (520, (400, 40, 40, 40)),
    (4, (1, 1, 1, 1)),
    (26, (20, 2, 2, 2)),
    (30, (23, 3, 2, 2)),  # largest remainders, the first of equals
])
def test_split_sizes(videos, expected):
    sizes = split_sizes(videos, HARD)
    assert tuple(sizes) == ('train', 'val', 'test', 'test_unseen')
    assert tuple(sizes.values()) == expected
    with pytest.raises(ValueError, match='videos=3 .* test_unseen'):
        split_sizes(3, HARD)


def test_draw_visible_keeps_the_unseen_apart():
    rng = np.random.default_rng(0)
    for split in ('train', 'val', 'test'):
        drawn = Counter(
            name for _ in range(400)
            for name in draw_visible(2, rng, HARD, split))
        assert set(drawn) == set(HARD.seen)
        assert min(drawn.values()) > 40
    drawn, places = Counter(), Counter()
    for _ in range(800):
        names = draw_visible(3, rng, HARD, 'test_unseen')
        assert len(set(names)) == 3 and set(names) & set(UNSEEN)
        drawn.update(names)
        rare = [place for place, n in enumerate(names) if n in UNSEEN]
        if len(rare) == 1:
            places.update(rare)
    assert set(drawn) == set(CLASSES[1:])
    assert min(drawn[name] for name in UNSEEN) > 200
    # bottom, middle and top alike
    assert min(places.values()) > 0.25 * sum(places.values())


def test_every_sounding_second_is_noisy():
    plans = plan_split(40, 5, np.random.default_rng(0), HARD)
    noisy = []
    for plan in plans:
        for silent, ambient in zip(plan.silent, plan.ambient):
            assert silent or ambient is not None
            if ambient is not None:
                noisy.append(ambient)
    # 30 silent seconds, every other in noise
    assert len(noisy) == 170 + 15
    levels = [level for _, level in noisy]
    low, high = HARD.ambient_db
    bins, _ = np.histogram(levels, bins=185, range=(low, high))
    assert (bins == 1).all()
    colours = Counter(colour for colour, _ in noisy)
    assert set(colours) == set(NOISE_COLOURS)
    assert max(colours.values()) - min(colours.values()) <= 1


def test_noise_is_added_to_what_sounds_at_the_planned_level():
    plans = plan_split(12, 5, np.random.default_rng(1), HARD)
    for number, plan in enumerate(plans):
        video = generate_video(plan, 'train', 24,
                               np.random.default_rng(number), HARD)
        seconds = video.audio.reshape(5, 16000) / 32767
        assert np.abs(seconds).max() < 1
        for second, ambient, sounding in zip(seconds, plan.ambient,
                                             video.sounding):
            if ambient is None:
                assert not sounding.any() and not second.any()
                continue
            rms = np.sqrt(np.mean(second**2)) / HARD.object_rms
            noise = 10**(ambient[1] / 20)
            if sounding.any():
                # each object 4 dB either way, and the fades
                powers = [
                    sounding.sum() * 10**(level / 10) for level in (-4.2, 4.2)
                ]
                assert noise**2 + powers[0] < 1.25 * rms**2
                assert rms**2 < 1.25 * (noise**2 + powers[1])
            else:
                assert rms == pytest.approx(noise, rel=0.03)


# ---------------------------------------------------------------- on disk
def test_splits_on_disk(root):
    with open(root / 'metadata.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert Counter(row['split'] for row in rows) == dict(
        train=20, val=2, test=2, test_unseen=2)
    unseen = [CLASSES.index(name) for name in UNSEEN]
    for row in rows:
        assert row['uid'].startswith(f'synthavs-hard-{row["split"]}-')
        for t in range(FRAMES):
            shown = np.array(
                Image.open(root / 'v2' / row['uid'] / 'labels_visible' /
                           f'{t}.png'))
            assert np.isin(unseen, shown).any() == (
                row['split'] == 'test_unseen')
    manifest = json.loads((root / 'synthavs.json').read_text())
    assert manifest['arguments'] == dict(MADE, seed=0)
    assert tuple(manifest['statistics']['val']['class_visible']) == CLASSES[1:]
    readme = ' '.join((root / 'README.txt').read_text().split())
    assert all(name in readme for name in UNSEEN)


def test_avsbench_dataset_reads_it(root):
    cues = CueFile(str(root / 'cues.jsonl'))
    arguments = dict(
        data_root=str(root),
        subsets='v2',
        metainfo=dict(classes='label2idx.json'),
        task='semantic',
        serialize_data=False)
    test = AVSBenchDataset(split='test', **arguments)
    both = AVSBenchDataset(split=['test', 'test_unseen'], **arguments)
    assert (len(test), len(both)) == (4, 8)
    assert test.metainfo['classes'] == CLASSES
    splits = [both.get_data_info(i)['split'] for i in range(8)]
    assert splits == ['test'] * 4 + ['test_unseen'] * 4
    for index in range(8):
        info = both.get_data_info(index)
        assert set(info['a_obj']) <= set(CLASSES)
        named = set(cues[info['uid'], info['frame']].cues)
        shown = np.array(Image.open(info['visible_map_path']))
        assert named == {CLASSES[i] for i in np.unique(shown) if i}
    with pytest.raises(ValueError, match="'unseen'.*'test_unseen'"):
        AVSBenchDataset(split='unseen', **arguments)
    with pytest.raises(ValueError, match=r'got \(\)'):
        AVSBenchDataset(split=(), **arguments)


def test_no_silent_training_frames(root, tmp_path):
    """Nothing of the other splits changes with it."""
    summary = generate_synthavs(tmp_path, train_silent_percent=0, **MADE)
    assert summary['train']['silent'] == 0
    silent = json.loads(
        (root / 'synthavs.json').read_text())['statistics']['train']['silent']
    assert silent == 6  # 15 % of 40
    changed = 0
    for path in root.glob('v2/**/*'):
        if path.is_file():
            same = path.read_bytes() == (
                tmp_path / path.relative_to(root)).read_bytes()
            changed += not same
            if 'hard-train' not in str(path):
                assert same, path
    assert changed
    visible = [
        sorted(path.relative_to(folder).parts[1] for path in folder.glob(
            'v2/*/labels_visible/0.png')) for folder in (root, tmp_path)
    ]
    assert visible[0] == visible[1]
    for argument in (-1, 101):
        with pytest.raises(ValueError, match='train_silent_percent'):
            generate_synthavs(
                tmp_path / 'no', train_silent_percent=argument, **MADE)


def test_preference_is_in_training_only():
    rng = np.random.default_rng(0)
    names = ['striped-disc', 'checkered-disc', 'dotted-star']
    assert [TRAIN_PRIORS[name] for name in names] == [0.85, 0.25, 0.85]
    for split, spread in (('train', 0.5), ('val', 0.0)):
        share = draw_sounding(names, split, (False, ) * 4000, rng,
                              HARD).mean(axis=0)
        assert share[0] - share[1] == pytest.approx(spread, abs=0.12)


# ---------------------------------------------------------------- sound
def _seconds(number, seed):
    """Features of single objects in noise, and their classes' indices."""
    rng = np.random.default_rng(seed)
    clips, labels = [], []
    for index in range(number):
        name = CLASSES[1 + index % 16]
        noise = sample_noise(NOISE_COLOURS[index % 3], SAMPLE_RATE, rng)
        clip = sample_voice(TIMBRES[name], 1, rng)
        clip *= 10**(rng.uniform(-4, 4) / 20)
        clip += 10**(rng.uniform(*HARD.ambient_db) / 20) * noise
        clips.append(HARD.object_rms * clip[:15600])
        labels.append(index % 16)
    log_mel = log_mel_examples(torch.from_numpy(np.stack(clips)))[:, 0, 0]
    features = torch.cat([log_mel.mean(1), log_mel.std(1)], 1).numpy()
    return features, np.array(labels)


def test_sound_is_telling_but_ambiguous():
    """Least squares on one sounding object's log-mel statistics."""
    x, y = _seconds(480, seed=0)
    x_test, y_test = _seconds(240, seed=1)
    mean, std = x.mean(0), x.std(0) + 1e-3
    x, x_test = (np.c_[(z - mean) / std, np.ones(len(z))]
                 for z in (x, x_test))
    weights = np.linalg.solve(x.T @ x + 10 * np.eye(x.shape[1]),
                              x.T @ np.eye(16)[y])
    guess = (x_test @ weights).argmax(1)
    assert 0.5 < (guess == y_test).mean() < 0.85  # chance: 0.06
    # Shapes are 4 classes apart: disc, star, cross, ring.
    shape, true = guess // 4, y_test // 4
    low, true_low = np.isin(shape, (0, 3)), np.isin(true, (0, 3))
    assert (low == true_low).mean() > 0.9
    within = shape[low == true_low] == true[low == true_low]
    assert 0.7 < within.mean() < 0.95  # chance: 0.5
