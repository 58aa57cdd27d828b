# Copyright (c) mmteso contributors. All rights reserved.
import json

import pytest

from mmteso.datasets.avsbench_meta import (AVSBENCH_CLASSES, get_class_set,
                                           parse_a_obj, voc_palette)

MINE = ('background', 'fire truck', 'dog')


@pytest.mark.parametrize('file, content', [
    ('label2idx.json', json.dumps(dict(zip(MINE, (1, 2, 3))))),
    ('classes.json', json.dumps(MINE)),
    ('classes.txt', '\n'.join(MINE) + '\n'),
])
@pytest.mark.parametrize('below', [True, False])
def test_files_of_classes(tmp_path, file, content, below):
    (tmp_path / file).write_text(content)
    (tmp_path / 'colours.txt').write_text('0 0 0\n255, 0, 0\n0 255 0\n')
    path, root = (file, str(tmp_path)) if below else \
        (str(tmp_path / file), 'elsewhere')
    assert get_class_set(dict(classes=path), root) == (MINE, voc_palette(3))
    names, palette = get_class_set(
        dict(classes=path, palette=str(tmp_path / 'colours.txt')), root)
    assert palette == [[0, 0, 0], [255, 0, 0], [0, 255, 0]]


@pytest.mark.parametrize('metainfo, message', [
    (dict(classes=MINE[1:]), "'background' and up to"),
    (dict(classes=MINE + ('dog', )), 'each once'),
    (dict(classes=MINE + ('fire_hose', )), "'fire_hose'.; write '-'"),
    (dict(classes=MINE, palette=voc_palette(2)), 'each of the 3 classes'),
    (dict(classes=MINE, palette=[[0, 0, 0]] * 3), 'different RGB'),
    (dict(classes=MINE, palette=[[0, 0, 0], [1, 2, 300], [1, 2, 3]]), '255'),
])
def test_impossible_class_sets(metainfo, message):
    with pytest.raises(ValueError, match=message):
        get_class_set(metainfo)


def test_no_file_of_classes(tmp_path):
    with pytest.raises(FileNotFoundError, match="'none.txt'.*data_root"):
        get_class_set(dict(classes='none.txt'), str(tmp_path))


@pytest.mark.parametrize('text, names', [
    ('bird', ('bird', )),
    ('man_vacuum-cleaner', ('man', 'vacuum-cleaner')),
    ('h orse', ('horse', )),
    ('off-the-screen', ()),
    ('background_dog', ('dog', )),
    ('dog_dog_cat', ('dog', 'cat')),
    ('', ()),
])
def test_parse_a_obj(text, names):
    assert parse_a_obj(text, AVSBENCH_CLASSES) == names
    # of other classes
    assert parse_a_obj('dog_fire truck', MINE) == ('dog', 'fire truck')
    with pytest.raises(ValueError, match="'horse'.*3 classes.*metainfo"):
        parse_a_obj('dog_h orse', MINE)
