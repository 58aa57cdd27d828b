# Copyright (c) mmteso contributors. All rights reserved.
import json
import random

import pytest
from data import make_avsbench
from mmteso.datasets import AVSBenchDataset
from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.datasets.off_screen import off_screen_table, read_class_groups
from mmteso.io import CueRecord, write_cue_file

CLASSES = AVSBENCH_CLASSES[1:]


def clip(uid, *a_obj, **more):
    return dict(dict(uid=uid, audio_path=f'{uid}.wav', a_obj=a_obj), **more)


def pair(clips, **options):
    """UIDs of the donors by uid."""
    table = off_screen_table(clips, AVSBENCH_CLASSES, **options)
    return {uid: [donor['uid'] for donor in found]
            for uid, found in table.items()}


def random_clips(seed, number=60):
    """Clips with 0 to 2 classes of 12; some of one video, some unlabelled."""
    rng = random.Random(seed)
    return [clip(f'u{i}',
                 *rng.sample(CLASSES[:12], rng.choice([0, 1, 1, 1, 2])),
                 vid=rng.choice(['', f'v{i % 20}']),
                 unseen_source=rng.random() < 0.1) for i in range(number)]


@pytest.mark.parametrize('seed', range(4))
def test_a_donor_is_foreign(seed, tmp_path):
    """Whatever the clips: other video, known and disjoint classes."""
    clips = random_clips(seed)
    by_uid = {one['uid']: one for one in clips}
    rng = random.Random(seed)
    seen = {uid: rng.sample(CLASSES[:12], 2) for uid in [*by_uid][::2]}
    write_cue_file(
        str(tmp_path / 'cues.jsonl'),
        [CueRecord(uid, 0, tuple(names)) for uid, names in seen.items()])
    groups_of = {name: rng.choice('abcdefgh') for name in CLASSES}
    (tmp_path / 'groups.yaml').write_text(''.join(
        f'{group}: {[n for n in CLASSES if groups_of[n] == group]}\n'
        for group in 'abcdefgh'))
    alike = list(zip(CLASSES[:4], CLASSES[4:8])) if seed % 3 else []
    donors = pair(clips, seed=seed, cue_file=str(tmp_path / 'cues.jsonl'),
                  synonyms=None, groups=str(tmp_path / 'groups.yaml')
                  if seed % 2 else None, sound_alikes=alike)
    assert list(donors) == list(by_uid)
    for one in clips:
        found = donors[one['uid']]
        assert 1 <= len(found) <= 4 and len(set(found)) == len(found)
        shown = {*one['a_obj'], *seen.get(one['uid'], ())}
        for donor in map(by_uid.get, found):
            sounds = set(donor['a_obj'])
            assert donor != one and sounds and not donor['unseen_source']
            assert not sounds & shown
            assert not any(
                shown & set(names) and sounds & set(names) for names in alike)
            assert not one['vid'] or donor['vid'] != one['vid']
            if seed % 2:
                assert {groups_of[name] for name in sounds}.isdisjoint(
                    groups_of[name] for name in one['a_obj'])


def test_the_seed_chooses():
    """The order doesn't; stored, since hash() changes from run to run."""
    clips = random_clips(5)
    shuffled = random.Random(0).sample(clips, len(clips))
    assert pair(clips, seed=1) == pair(shuffled, seed=1)
    assert pair(clips, seed=1) != pair(clips, seed=2)
    clips = [clip(f'u{i}', CLASSES[i]) for i in range(9)]
    drawn = pair(clips, seed=7, num_donors=2)
    assert [''.join(uid[1:] for uid in drawn[f'u{i}']) for i in range(9)
            ] == ['15', '62', '07', '56', '21', '37', '03', '63', '21']


@pytest.mark.parametrize('other', [clip('b', 'cat', audio_path=''), clip('b'),
                                   clip('b', 'cat', unseen_source=True),
                                   clip('b', 'cat', vid='v'),
                                   clip('b', 'dog', 'cat')])
def test_no_donor(other):
    target = clip('a', 'dog', vid='v')
    with pytest.raises(
            ValueError, match='lend "a" a sound.*dog.*of the 2 clips'):
        pair([target, other])
    assert pair([target, other, clip('d', 'man')])['a'] == ['d']


def test_what_there_has_to_be():
    with pytest.raises(ValueError, match='no classes .a_obj.*MS3'):
        pair([clip('a'), clip('b')])
    with pytest.raises(ValueError, match='no sound files'):
        pair([clip('a', 'dog', audio_path=None)])


def test_wrong_groups(tmp_path):
    path = tmp_path / 'groups.yaml'
    for text, message in (('music: [dog]', r"no group for the classes .'cat'"),
                          ('music: dog', 'Expected `array`.*groups/avsbench')):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_class_groups(str(path), ['dog', 'cat'])
    with pytest.raises(FileNotFoundError, match="'avsbench'"):
        read_class_groups('no/such.yaml', [])


def test_dirt_of_avsbench(tmp_path):
    """'off-the-screen' and 'background' lend nothing and may borrow."""
    root = make_avsbench(tmp_path, subsets=('v2', ), splits=('test', ),
                         clips=5, frames=1, seed=1)
    lines = (tmp_path / 'metadata.csv').read_text().splitlines()
    labels = ['dog', 'man_off-the-screen', 'off-the-screen', 'background',
              'guitar']
    for number, label in enumerate(labels, 1):
        cells = lines[number].split(',')
        cells[0], cells[4] = f'v{min(number, 4)}', label
        lines[number] = ','.join(cells)
    (tmp_path / 'metadata.csv').write_text('\n'.join(lines))

    def donors(cue_file=None, alike=(), **kwargs):
        dataset = AVSBenchDataset(root, subsets='v2', split='test',
                                  frames_per_clip=1, pipeline=[],
                                  metainfo=dict(sound_alikes=alike),
                                  cue_file=cue_file, off_screen=kwargs)
        infos = [dataset.get_data_info(i) for i in range(5)]
        assert all(f'/{donor["uid"]}/audio.wav' in donor['audio_path']
                   for info in infos for donor in info['off_screen'])
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
    with pytest.raises(ValueError, match="lend .*'cat', 'dog', 'guitar'"):
        donors(alike=[['dog', 'cat', 'guitar']])
    with pytest.raises(ValueError, match="sound_alikes names ..tram"):
        donors(alike=[['dog', 'tram']])
