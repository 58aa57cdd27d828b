# Copyright (c) mmteso contributors. All rights reserved.
import json

import pytest

from mmteso.datasets.avsbench_meta import (AVSBENCH_CLASSES, get_classes,
                                           get_splits, get_task_meta,
                                           parse_a_obj, read_label2idx,
                                           voc_palette)


def test_classes():
    assert len(AVSBENCH_CLASSES) == len(set(AVSBENCH_CLASSES)) == 71
    assert AVSBENCH_CLASSES[0] == 'background'
    assert AVSBENCH_CLASSES[70] == 'woman'
    assert AVSBENCH_CLASSES.index('guitar') == 28
    # index order is alphabetical after background
    assert list(AVSBENCH_CLASSES[1:]) == sorted(AVSBENCH_CLASSES[1:])
    # a_obj joins names by '_'
    assert not [name for name in AVSBENCH_CLASSES if '_' in name]


def test_voc_palette():
    palette = voc_palette(256)
    assert palette[0] == [0, 0, 0]
    assert palette[1] == [128, 0, 0]
    assert palette[2] == [0, 128, 0]
    assert palette[4] == [0, 0, 128]
    assert palette[28] == [64, 64, 128]
    assert palette[255] == [224, 224, 192]
    assert len({tuple(color) for color in palette}) == 256
    with pytest.raises(ValueError, match='num_colors=257'):
        voc_palette(257)


def test_class_sets_and_tasks():
    from mmteso.testbeds.synthavs.classes import CLASSES, PALETTE
    assert get_classes('synthavs') == tuple(CLASSES)
    binary = get_task_meta('binary', 'avsbench')
    assert binary.classes == ('background', 'sounding')
    assert len(binary.palette) == 2
    assert binary.class_names == AVSBENCH_CLASSES
    assert len(binary.mask_palette) == 71
    semantic = get_task_meta('semantic', 'synthavs')
    assert semantic.classes == semantic.class_names == tuple(CLASSES)
    assert [list(color) for color in PALETTE] == semantic.palette
    assert len(get_classes('synthavs-hard')) == 17
    for class_set in ('avsbench', 'synthavs'):
        assert get_splits(class_set) == ('train', 'val', 'test')
    with pytest.raises(ValueError, match="synthavs-hard.*'coco'"):
        get_splits('coco')
    with pytest.raises(ValueError, match="'avs'"):
        get_task_meta('binary', 'avs')
    with pytest.raises(ValueError, match="'multi'"):
        get_task_meta('multi', 'avsbench')


@pytest.mark.parametrize('text, names', [
    ('bird', ('bird', )),
    ('man_vacuum-cleaner', ('man', 'vacuum-cleaner')),
    ('h orse', ('horse', )),
    ('off-the-screen', ()),
    ('background', ()),
    ('background_dog', ('dog', )),
    ('dog_dog_cat', ('dog', 'cat')),
    ('', ()),
])
def test_parse_a_obj(text, names):
    assert parse_a_obj(text, AVSBENCH_CLASSES) == names


def test_parse_a_obj_refuses_unknown():
    with pytest.raises(ValueError, match="'unicorn'.*71 classes"):
        parse_a_obj('dog_unicorn', AVSBENCH_CLASSES)


@pytest.mark.parametrize('base', [0, 1])
def test_read_label2idx(tmp_path, base):
    path = tmp_path / 'label2idx.json'
    path.write_text(
        json.dumps({name: i
                    for i, name in enumerate(AVSBENCH_CLASSES, base)}))
    table = read_label2idx(str(path), AVSBENCH_CLASSES)
    assert table['background'] == 0 and table['woman'] == 70
    assert len(table) == 71


@pytest.mark.parametrize('table, message', [
    ({'a': 2, 'b': 3, 'c': 4}, r'0, 1, 2.*\[2, 3, 4\]'),
    ({'a': 1, 'b': 0, 'c': 2}, 'in the order of its keys'),
    ({'a': 0, 'c': 1, 'b': 2}, "position 1: got 'c', expected 'b'"),
    ({'a': 0, 'b': 1}, "position 2: got nothing, expected 'c'"),
    ({'a': 0, 'b': 1, 'c': 2, 'd': 3}, "got 'd', expected nothing"),
    (['a', 'b', 'c'], 'holds a list'),
])
def test_read_label2idx_refuses(tmp_path, table, message):
    path = tmp_path / 'label2idx.json'
    path.write_text(json.dumps(table))
    with pytest.raises(ValueError, match=message):
        read_label2idx(str(path), ('a', 'b', 'c'))


def test_read_label2idx_broken(tmp_path):
    path = tmp_path / 'label2idx.json'
    path.write_text('{"a": ')
    with pytest.raises(ValueError, match='is not a JSON file'):
        read_label2idx(str(path), ('a', 'b', 'c'))
