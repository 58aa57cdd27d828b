# Copyright (c) mmteso contributors. All rights reserved.
"""The cutouts testbed, of drawn stand-ins for its packages."""
import json
import wave

import numpy as np
import pytest
from cutout_files import CLASSES, write_cutout_files
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from PIL import Image

from mmteso.testbeds.cutouts import (CUTOUTS, Sources, generate_cutouts,
                                     read_catalogue)
from mmteso.testbeds.cutouts.generator import generate_video
from mmteso.testbeds.cutouts.scene import compose, place_bodies
from mmteso.testbeds.cutouts.sound import OBJECT_RMS, cut_seconds

SPLITS = ('train', 'val', 'test', 'test_exemplar', 'test_unseen')
NAMES = ['background', *CLASSES]


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    return write_cutout_files(tmp_path_factory.mktemp('files'))


@pytest.fixture(scope='module')
def catalogue(files):
    return read_catalogue(str(files / 'catalogue.csv'))


@pytest.fixture(scope='module')
def sources(files):
    return Sources(str(files / 'stamps'), str(files / 'backgrounds'))


@pytest.fixture(scope='module')
def made(tmp_path_factory, sources, catalogue):
    root = tmp_path_factory.mktemp('cutouts')
    summary = generate_cutouts(
        str(root), sources, videos=64, frames=4, size=32, catalogue=catalogue)
    return root, summary


def _read(path):
    with Image.open(path) as image:
        return np.asarray(image)


def _clips(root, split):
    rows = (root / 'metadata.csv').read_text().splitlines()[1:]
    return [
        root / 'v2' / row.split(',')[1] for row in rows
        if row.split(',')[5] == split
    ]


def test_same_seed_same_bytes(tmp_path, sources, catalogue):
    contents = []
    for number, seed in enumerate((3, 3, 4)):
        root = tmp_path / str(number)
        generate_cutouts(
            str(root), sources, videos=5, frames=1, size=32, seed=seed,
            catalogue=catalogue)
        contents.append({
            str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob('*') if path.is_file()
        })
    assert contents[0] == contents[1]
    assert contents[0].keys() == contents[2].keys()
    assert contents[0] != contents[2]


def test_a_data_set_reads_it(made):
    init_default_scope('mmseg')
    root, summary = made
    assert list(summary) == list(SPLITS)
    for split in SPLITS:
        dataset = DATASETS.build(
            dict(
                type='AVSBenchDataset',
                data_root=str(root),
                subsets='v2',
                split=split,
                cue_file='cues.jsonl',
                cue_bank='cue_bank.safetensors',
                metainfo=dict(classes='label2idx.json'),
                pipeline=[
                    dict(type='LoadImageFromFile'),
                    dict(type='LoadAVSAnnotations', load_visible=True),
                    dict(type='LoadAudioClip'),
                    dict(type='AudioToLogMel'),
                    dict(type='LoadTextCues', cue_target='mask'),
                    dict(type='PackAVTInputs')
                ]))
        assert len(dataset) == summary[split]['frames']
        sample = dataset[0]
        assert sample['inputs']['img'].shape == (3, 32, 32)
        assert sample['inputs']['log_mel'].shape == (1, 96, 64)
    assert 'GNU General Public License' in (root / 'LICENSE.txt').read_text()


def test_what_sounds_is_masked_and_what_could_is_named(made):
    root, _ = made
    cues = {}
    for line in (root / 'cues.jsonl').read_text().splitlines():
        record = json.loads(line)
        cues[record['uid'], record['frame']] = record['cues']
    for split in SPLITS:
        for clip in _clips(root, split):
            for frame in range(4):
                visible = _read(clip / 'labels_visible' / f'{frame}.png')
                heard = _read(clip / 'labels_semantic' / f'{frame}.png')
                names = {NAMES[i] for i in np.unique(visible) if i}
                sounding = np.unique(heard)
                assert {NAMES[i] for i in sounding} <= names - {
                    'white-disc', 'black-disc'} | {'background'}
                np.testing.assert_array_equal(
                    heard, visible * np.isin(visible, sounding))
                assert sorted(cues[clip.name, frame]) == sorted(
                    name.replace('-', ' ')
                    for name in names - {'black-disc'})


def test_unseen_classes(made):
    """No frame shows or names them but for the split that is about them."""
    root, summary = made
    for split in SPLITS:
        shown = set(summary[split]['classes'])
        assert ('magenta-disc' in shown) == (split == 'test_unseen')
    assert summary['test_unseen']['classes']['magenta-disc'][
        'visible'] == summary['test_unseen']['frames']


def test_silent_share(made, tmp_path, sources, catalogue):
    root, summary = made
    for counts in summary.values():
        assert counts['silent'] == counts['frames'] * 15 // 100
    assert CUTOUTS.read_manifest(str(root))['statistics'] == summary
    for clip in _clips(root, 'train'):
        with wave.open(str(clip / 'audio.wav')) as file:
            sound = np.frombuffer(file.readframes(10**9), '<i2') / 32768
        level = np.sqrt((sound.reshape(4, 16000)**2).mean(axis=1))
        silent = [
            not _read(clip / 'labels_semantic' / f'{frame}.png').any()
            for frame in range(4)
        ]
        # room noise, at most 20 dB below a sound; a sound, 6 dB softer
        np.testing.assert_array_equal(silent, level < 0.12 * OBJECT_RMS)
    summary = generate_cutouts(
        str(tmp_path), sources, videos=8, frames=2, size=32,
        train_silent_percent=0, catalogue=catalogue)
    assert summary['train']['silent'] == 0


def test_preference(made, catalogue):
    """In training every other class sounds more often, elsewhere none."""
    _, summary = made

    def share(split, names):
        counts = [summary[split]['classes'].get(name) for name in names]
        return sum(c['sounding'] for c in counts if c) / sum(
            c['visible'] for c in counts if c)

    preferred, others = ('red-disc', 'blue-disc'), ('lime-disc', 'cyan-disc')
    assert catalogue.train_priors['red-disc'] > 0.5
    assert share('train', preferred) > share('train', others) + 0.15
    tests = [
        share(split, preferred) - share(split, others)
        for split in ('test', 'test_unseen')
    ]
    assert abs(np.mean(tests)) < 0.15


@pytest.mark.parametrize('split, pictures, sounds', [
    ('test', {'red-disc-0', 'lime-disc-0'}, {'red-disc-0', 'lime-disc-0'}),
    ('test_exemplar', {'red-disc-1', 'lime-disc-0'},
     {'red-disc-0', 'lime-disc-1'})
])
def test_other_pictures_and_recordings(files, catalogue, split, pictures,
                                       sounds):
    asked = dict(pictures=set(), sounds=set())

    class Recorder(Sources):

        def _stamp(self, name, side):
            asked['pictures'].add(name)
            return super()._stamp(name, side)

        def _recording(self, name):
            asked['sounds'].add(name)
            return super()._recording(name)

    recorder = Recorder(str(files / 'stamps'), str(files / 'backgrounds'))
    rng = np.random.default_rng(0)
    for _ in range(20):
        generate_video(catalogue, recorder, (2, np.zeros(1, bool)), split, 32,
                       rng)
    for kind, expected in (('pictures', pictures), ('sounds', sounds)):
        assert expected == {
            name for name in asked[kind] if name[:4] in ('red-', 'lime')
        }
    if split == 'test_exemplar':
        assert not any('blue' in name for name in asked['pictures'])


def test_masks_are_the_visible_part_of_alpha(sources):
    rng = np.random.default_rng(0)
    stamps = [
        sources.stamp(f'{name}-0', 128) for name in ('red-disc', 'blue-disc')
    ]
    hidden = 0
    for _ in range(10):
        scenes, maps = place_bodies(stamps, [5, 2], 2, 64, rng)
        photograph = Image.new('RGB', (100, 80), (128, 128, 128))
        images = compose(photograph, scenes, rng)
        for layers, labels, image in zip(scenes, maps, images):
            below, above = (np.asarray(a)[..., 3] / 255 for a in layers)
            expected = np.where(above >= 0.5, 2,
                                np.where(below >= 0.5, 5, 0))
            np.testing.assert_array_equal(labels, expected)
            hidden += ((below >= 0.5) & (above >= 0.5)).sum()
            # and that is where its colour is seen
            red, _, blue = image.astype(int).transpose(2, 0, 1)
            assert (red - blue)[(below == 1) & (above == 0)].min() > 50
            assert (blue - red)[above == 1].min() > 50
            assert abs(red - blue)[(below == 0) & (above == 0)].max() < 50
    assert hidden > 100


def test_cuts_of_recordings():
    """Pitch varies by 6 % at most, and pauses are not called sounding."""
    rng = np.random.default_rng(0)
    time = np.arange(4 * 16000) / 16000
    tone = np.sqrt(2) * np.sin(2 * np.pi * 1000 * time) * (
        (time < 0.6) | (time > 3.4))
    pitches = []
    for _ in range(20):
        seconds = cut_seconds(tone, 3, rng)
        assert seconds.shape == (3, 16000)
        assert np.sqrt((seconds**2).mean(axis=1)).min() > 0.3
        pitches.append(np.abs(np.fft.rfft(seconds[0])).argmax())
    assert 938 <= min(pitches) < 970 and 1030 < max(pitches) <= 1062
    # a blow of 0.1 s comes twice a second
    blow = np.ones(1600)
    second, = cut_seconds(blow, 1, rng)
    assert 0.15 < (second > 0.5).mean() < 0.25


@pytest.mark.parametrize('old, new, message', [
    ('role,', 'Role,', 'must have the columns'),
    ('blue-disc', 'blue_disc', "without '_'"),
    ('mute', 'dumb', 'with a role of'),
    ('blue-disc-0,,', ',,', 'a sound if it is known'),
    (',red-disc,drawn', ',white-disc,drawn', r"not \['white-disc'\]"),
    ('background,val', 'background,vat', 'must have backgrounds'),
    (' red-disc-1', '', 'a second picture'),
])
def test_wrong_catalogues(files, tmp_path, old, new, message):
    text = (files / 'catalogue.csv').read_text().replace(
        ' lime-disc-1', '')
    assert old in text
    path = tmp_path / 'catalogue.csv'
    path.write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=message):
        read_catalogue(str(path))


def test_wrong_files_and_arguments(files, tmp_path, sources):
    with pytest.raises(FileNotFoundError, match='--fetch'):
        Sources(str(tmp_path / 'none'), str(files / 'backgrounds'))
    Image.new('RGBA', (9, 9)).save(tmp_path / 'clear.png')
    with wave.open(str(tmp_path / 'still.ogg'), 'wb') as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(20000))
    broken = Sources(str(tmp_path), str(files / 'backgrounds'))
    with pytest.raises(ValueError, match='transparent all over'):
        broken.stamp('clear', 64)
    with pytest.raises(ValueError, match='is silent'):
        broken.recording('still')
    with pytest.raises(ValueError, match='size=16.*at least 32'):
        generate_cutouts(str(tmp_path), sources, size=16)


def test_the_list_of_the_packages():
    catalogue = read_catalogue()
    assert len(catalogue.of_roles('unseen')) == 12
    assert all(entry.relatives for entry in catalogue.of_roles('unseen'))
    assert len(catalogue.classes) < 255
    used = {s for e in catalogue.entries.values() for s in e.sounds}
    assert used.isdisjoint(catalogue.left_out)
    assert all(catalogue.left_out.values())
    pictures = [p for e in catalogue.entries.values() for p in e.pictures]
    assert len(set(pictures)) == len(pictures)
    assert not any('symbols' in p or 'cartoon' in p for p in pictures)
