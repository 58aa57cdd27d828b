# Copyright (c) mmteso contributors. All rights reserved.
import csv
import json
from pathlib import Path

import pytest

from data import make_synthavs_index
from mmteso.datasets.avsbench_v3 import V3_LISTS
from mmteso.testbeds.synthavs import CLASSES, write_v3_lists

STAR, RING, DISC = 'orange-star', 'blue-ring', 'red-disc'
UNSEEN = [STAR, RING]
# (visible, heard), and where a clip belongs
KINDS = {
    'seen': [(DISC, DISC), (f'{DISC}_pink-flower', DISC), (DISC, '')] * 10,
    'star': [(STAR, STAR)] * 4 + [(f'{DISC}_{STAR}', STAR)] * 3,
    'ring': [(RING, RING)] * 6,
    'both': [(f'{STAR}_{RING}', f'{STAR}_{RING}')] * 2,
    'left out': [
        (f'{DISC}_{STAR}', DISC),  # silent, but visible
        (f'{DISC}_{STAR}', f'{DISC}_{STAR}'),
        (STAR, ''),
    ]
}
CLIPS = [clip for clips in KINDS.values() for clip in clips]


@pytest.fixture
def root(tmp_path):
    return make_synthavs_index(tmp_path / 'synthavs', CLIPS, CLASSES)


def read(root, name, list_dir='v3'):
    with open(Path(root, list_dir, name), newline='') as file:
        return list(csv.DictReader(file))


def kinds(rows):
    """Kind -> how many clips of it."""
    names = [kind for kind, clips in KINDS.items() for _ in clips]
    found = [names[int(row['uid'])] for row in rows]
    assert len({row['uid'] for row in rows}) == len(rows)
    return {name: found.count(name) for name in found}


def test_lists(root):
    counts = write_v3_lists(root, UNSEEN)
    rows = {name: read(root, name) for name in counts}
    assert counts == {name: len(found) for name, found in rows.items()}
    used = {name for lists in V3_LISTS.values() for name in lists.values()}
    assert used | {'meta_v3_seen.csv'} == rows.keys()
    assert kinds(rows['meta_v3_seen_train.csv']) == dict(seen=27)
    assert kinds(rows['meta_v3_seen_val.csv']) == dict(seen=3)
    both = rows['meta_v3_seen_train.csv'] + rows['meta_v3_seen_val.csv']
    assert {row['uid'] for row in both
            } == {row['uid'] for row in rows['meta_v3_seen.csv']}
    assert kinds(rows['meta_v3_unseen.csv']) == dict(star=7, ring=6, both=2)
    smaller = set()
    for k in (1, 3, 5):
        train, test = (
            rows[f'v3_{k}_shot/{split}.csv'] for split in ('train', 'test'))
        assert kinds(train) == dict(star=k, ring=k)
        assert kinds(test) == dict(star=7 - k, ring=6 - k, both=2)
        taken = {row['uid'] for row in train}
        assert smaller < taken
        smaller = taken
        assert {row['split'] for row in train} == {f'v3_{k}_shot_train'}
        assert not taken & {row['uid'] for row in test}
    # in the data's order, and otherwise its rows
    order = [int(row['uid']) for row in rows['meta_v3_seen_train.csv']]
    assert order == sorted(order)
    row = rows['meta_v3_unseen.csv'][0]
    assert row == dict(
        vid='30', uid='30', s_min='0', s_sec='0', a_obj=STAR, split='unseen',
        label='v2')


def test_lists_are_not_replaced_unasked(root):
    write_v3_lists(root, UNSEEN)
    with pytest.raises(FileExistsError, match='--overwrite'):
        write_v3_lists(root, UNSEEN)
    write_v3_lists(root, UNSEEN, seed=1, overwrite=True)


@pytest.mark.parametrize('unseen', [[], ['dog'], [STAR, STAR],
                                    ['background']])
def test_unknown_classes(root, unseen):
    with pytest.raises(ValueError, match="different ones of .'red-disc'"):
        write_v3_lists(root, unseen)
    assert not Path(root, 'v3').exists()


def test_too_few_clips(root, tmp_path):
    with pytest.raises(
            ValueError, match="only 0 .*'pink-flower' alone sounds"):
        write_v3_lists(root, [STAR, 'pink-flower'])
    few = make_synthavs_index(tmp_path / 'few', CLIPS[28:], CLASSES)
    with pytest.raises(ValueError, match='only 2 clips show none of'):
        write_v3_lists(few, UNSEEN)
    five = make_synthavs_index(
        tmp_path / 'five', [(DISC, DISC)] * 10 + [(STAR, STAR)] * 5, CLASSES)
    with pytest.raises(ValueError, match='no clip is left to test 5 shots'):
        write_v3_lists(five, [STAR])
    assert not Path(five, 'v3').exists()


def test_no_whole_synthavs(root):
    path = Path(root, 'synthavs.json')
    path.write_text(json.dumps(dict(complete=False)))
    with pytest.raises(ValueError, match='incomplete'):
        write_v3_lists(root, UNSEEN)
