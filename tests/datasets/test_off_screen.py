# Copyright (c) mmteso contributors. All rights reserved.
import itertools
import json
import random

import pytest
from mmseg.registry import DATASETS

from data import make_avsbench
from mmteso.datasets import AVSBenchDataset
from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.datasets.off_screen import (SoundClip, classes_of_cues,
                                        off_screen_table, pair_off_screen,
                                        read_class_groups)
from mmteso.testbeds.synthavs import generate_synthavs

CLASSES = AVSBENCH_CLASSES[1:]


def random_clips(seed, number=60):
    """Clips with 0 to 3 classes of 12; some of one video, some unlabelled."""
    rng = random.Random(seed)
    return [
        SoundClip(
            f'u{i}',
            f'{i}.wav',
            tuple(rng.sample(CLASSES[:12], rng.choice([0, 1, 1, 1, 2]))),
            vid=rng.choice(['', f'v{i % 20}']),
            unseen_source=rng.random() < 0.1) for i in range(number)
    ]


@pytest.mark.parametrize('seed', range(6))
def test_a_donor_is_foreign(seed):
    """Whatever the clips: other video, known and disjoint classes."""
    clips = random_clips(seed)
    rng = random.Random(seed)
    seen = {clip.uid: rng.sample(CLASSES[:12], 2) for clip in clips[::2]}
    groups_of = {
        name: frozenset(rng.sample('abcdefgh', 1 + (name == 'bell')))
        for name in CLASSES
    } if seed % 2 else None
    alike = list(zip(CLASSES[:4], CLASSES[4:8])) if seed % 3 else []
    donors = pair_off_screen(clips, seed, seen, groups_of, alike=alike)
    assert list(donors) == [clip.uid for clip in clips]
    for clip in clips:
        found = donors[clip.uid]
        assert 1 <= len(found) <= 4 and len(set(found)) == len(found)
        for donor in found:
            assert donor in clips and donor != clip
            assert donor.a_obj and not donor.unseen_source
            assert not set(donor.a_obj) & set(clip.a_obj)
            assert not set(donor.a_obj) & set(seen.get(clip.uid, ()))
            shown = {*clip.a_obj, *seen.get(clip.uid, ())}
            for names in alike:
                assert not shown & set(names) or \
                    not set(donor.a_obj) & set(names)
            assert not clip.vid or donor.vid != clip.vid
            if groups_of:
                assert not any(
                    groups_of[one] & groups_of[other]
                    for one, other in itertools.product(
                        donor.a_obj, clip.a_obj))


def test_order_does_not_matter_and_seeds_do():
    clips = random_clips(5)
    shuffled = random.Random(0).sample(clips, len(clips))
    assert pair_off_screen(clips, 1) == pair_off_screen(shuffled, 1)
    assert pair_off_screen(clips, 1) != pair_off_screen(clips, 2)


def test_same_in_every_process():
    """Written down, as hash() of a string would change it."""
    clips = [SoundClip(f'u{i}', 'a.wav', (CLASSES[i], )) for i in range(9)]
    drawn = pair_off_screen(clips, 7, num_donors=2)
    assert [''.join(donor.uid[1:] for donor in drawn[f'u{i}'])
            for i in range(9)
            ] == ['15', '62', '07', '56', '21', '37', '03', '63', '21']


def test_no_donor():
    clips = [
        SoundClip('a', 'a.wav', ('dog', )),
        SoundClip('b', 'b.wav', ('dog', 'cat')),
        SoundClip('c', 'c.wav', ())
    ]
    with pytest.raises(ValueError) as error:
        pair_off_screen(clips)
    for part in ('no other clip can lend "a"', "['dog']", '3 clips 2 have'):
        assert part in str(error.value)
    clips.append(SoundClip('d', 'd.wav', ('man', )))
    assert {uid: [donor.uid for donor in found]
            for uid, found in pair_off_screen(clips).items()}['a'] == ['d']
    with pytest.raises(ValueError, match='"a" a .*dog.*man'):
        pair_off_screen(clips, seen=dict(a=['man']))
    groups = dict(dog={'x'}, cat={'y'}, man={'x'})
    groups = {name: frozenset(value) for name, value in groups.items()}
    with pytest.raises(ValueError, match="of the groups .'x'"):
        pair_off_screen(clips, groups_of=groups)


@pytest.mark.parametrize('clip', [
    SoundClip('b', '', ('cat', )),
    SoundClip('b', 'b.wav', ()),
    SoundClip('b', 'b.wav', ('cat', ), unseen_source=True),
    SoundClip('b', 'b.wav', ('cat', ), vid='v'),
])
def test_who_lends_nothing(clip):
    target = SoundClip('a', 'a.wav', ('dog', ), vid='v')
    with pytest.raises(ValueError, match='no other clip'):
        pair_off_screen([target, clip])


# --------------------------------------------------------------------- groups
def test_groups_of_avsbench():
    groups_of = read_class_groups('avsbench', CLASSES)
    assert set(groups_of) == set(CLASSES)
    assert {group for groups in groups_of.values() for group in groups
            } == {'music', 'human', 'animal', 'device'}
    assert {name for name, groups in groups_of.items() if len(groups) > 1
            } == {'keyboard', 'bell'}
    assert groups_of['violin'] == {'music'} and groups_of['wolf'] == {'animal'}
    assert groups_of['baby'] == {'human'} and groups_of['axe'] == {'device'}


def test_wrong_groups(tmp_path):
    path = tmp_path / 'groups.yaml'
    for text, message in (('music: [dog]', r"no group for the classes .'cat'"),
                          ('music: dog', 'lists of classes by group')):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_class_groups(str(path), ['dog', 'cat'])
    with pytest.raises(FileNotFoundError, match="'avsbench'"):
        read_class_groups('no/such.yaml', [])


# ------------------------------------------------------------- with data sets
@pytest.fixture(scope='module')
def synthavs(tmp_path_factory):
    root = str(tmp_path_factory.mktemp('data') / 'synthavs')
    generate_synthavs(root, videos=52, frames=2, size=32)
    return root


def build_synthavs(root, split='test', indices=None, alike=(), cue_file=None,
                   **off_screen):
    return DATASETS.build(
        dict(
            type='mmseg.AVSBenchDataset',
            data_root=root,
            metainfo=dict(classes='label2idx.json', sound_alikes=alike),
            subsets='v2',
            split=split,
            pipeline=[],
            indices=indices,
            cue_file=cue_file,
            off_screen=off_screen))


def test_synthavs_with_cues(synthavs):
    """No donor sounds like anything visible, also where that is silent."""
    cue_file = f'{synthavs}/cues.jsonl'
    dataset = build_synthavs(synthavs, seed=2, cue_file='cues.jsonl')
    visible = classes_of_cues(cue_file, dataset.shared_info['class_names'])
    with_silent, changed = 0, 0
    plain = build_synthavs(synthavs, seed=2)
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        shown = visible[info['uid']]
        assert set(info['a_obj']) <= shown
        with_silent += set(info['a_obj']) < shown
        for donor in info['off_screen']:
            assert donor['uid'] != info['uid']
            assert not shown & set(donor['a_obj'])
            assert f'/{donor["uid"]}/audio.wav' in donor['audio_path']
            assert '-test-' in donor['uid']
        changed += info['off_screen'] != plain.get_data_info(
            index)['off_screen']
    assert with_silent and changed


def test_what_sounds_alike_is_not_foreign(tmp_path):
    """On the hard variant, where a disc sounds like a ring."""
    root = str(tmp_path / 'hard')
    generate_synthavs(root, videos=104, frames=1, size=32, variant='hard')
    alike = [[f'{texture}-{shape}' for shape in shapes]
             for texture in ('solid', 'striped', 'dotted', 'checkered')
             for shapes in (('disc', 'ring'), ('star', 'cross'))]
    dataset = build_synthavs(
        root, 'train', alike=alike, cue_file='cues.jsonl')
    visible = classes_of_cues(f'{root}/cues.jsonl', dataset.class_names)
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        for donor in info['off_screen']:
            for names in alike:
                assert not visible[info['uid']] & set(names) or not (
                    set(donor['a_obj']) & set(names))
    with pytest.raises(ValueError, match="sound_alikes names ..dog"):
        build_synthavs(root, alike=[['dog', 'solid-disc']])


def test_dirt_of_avsbench(tmp_path):
    """'off-the-screen' and 'background' lend nothing and may borrow."""
    root = make_avsbench(
        tmp_path, subsets=('v2', ), splits=('test', ), clips=5, frames=1,
        seed=1)
    lines = (tmp_path / 'metadata.csv').read_text().splitlines()
    labels = ['dog', 'man_off-the-screen', 'off-the-screen', 'background',
              'guitar']
    for number, label in enumerate(labels, 1):
        cells = lines[number].split(',')
        cells[0], cells[4] = f'v{min(number, 4)}', label
        lines[number] = ','.join(cells)
    (tmp_path / 'metadata.csv').write_text('\n'.join(lines))

    def donors(cue_file=None, **kwargs):
        dataset = AVSBenchDataset(
            root,
            subsets='v2',
            split='test',
            frames_per_clip=1,
            pipeline=[],
            cue_file=cue_file,
            off_screen=kwargs)
        infos = [dataset.get_data_info(i) for i in range(5)]
        return [[donor['a_obj'] for donor in info['off_screen']]
                for info in infos]

    found = [sorted(names) for names in donors()]
    dog, guitar = ('dog', ), ('guitar', )
    # the fourth clip is cut from the fifth one's video
    assert found == [[guitar], [dog, guitar], [dog, guitar], [dog], [dog]]
    assert [sorted(names) for names in donors(groups='avsbench')] == found
    # cues: AVSBench's synonyms
    cues = tmp_path / 'cues.jsonl'
    uid = 'v2-test-2_0_1000'
    cues.write_text(
        json.dumps(dict(uid=uid, frame=0, cues=['little puppy'])) + '\n')
    assert donors(cue_file=str(cues))[2] == [guitar]


def test_off_screen_needs_classes_and_sounds():
    frames = [dict(uid='a', a_obj=()), dict(uid='b', a_obj=())]
    with pytest.raises(ValueError, match='no classes .a_obj.*MS3'):
        off_screen_table(frames, None)
    frames = [dict(uid='a', a_obj=('x', )), dict(uid='b', a_obj=('y', ))]
    with pytest.raises(ValueError, match='no sound files'):
        off_screen_table(frames, None)
