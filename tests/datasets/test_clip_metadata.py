# Copyright (c) mmteso contributors. All rights reserved.
import pytest

from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.datasets.clip_metadata import ClipRow, read_clip_metadata

HEADER = 'vid,uid,s_min,s_sec,a_obj,split,label\n'
ROWS = ('v,a_0_10000,0,0,dog_h orse,train,v2\n'
        'v,b_0_10000,0,1,off-the-screen,test,v2\n'
        'w,c,0,0,background,train,v1m\n')


def read(path, text, split='train', subsets=('v1s', 'v1m', 'v2')):
    path = path / 'metadata.csv'
    path.write_text(text, encoding='utf-8')
    return read_clip_metadata(str(path), AVSBENCH_CLASSES, split, subsets)


def test_rows(tmp_path):
    # the same vid twice is normal, uid is the key
    first, second, third = (
        ClipRow('a_0_10000', 'v2', 'train', ('dog', 'horse'), 'v'),
        ClipRow('b_0_10000', 'v2', 'test', (), 'v', True),
        ClipRow('c', 'v1m', 'train', (), 'w', True))
    text = HEADER + ROWS
    assert read(tmp_path, text) == [first, third]
    assert read(tmp_path, text, 'test') == [second]
    assert read(tmp_path, text, None, None) == [first, second, third]
    assert read(tmp_path, text, subsets=('v1m', )) == [third]


def test_byte_order_mark_blanks_and_other_order(tmp_path):
    text = '\ufefflabel, split ,uid,a_obj\r\nv2, train ,x,dog\r\n'
    assert read(tmp_path, text) == [ClipRow('x', 'v2', 'train', ('dog', ))]


@pytest.mark.parametrize('text, message', [
    ('vid,a_obj,label\nv,dog,v2\n', r"lacks the columns \['uid', 'split'\]"),
    ('', 'lacks the columns'),
    (HEADER + ROWS + 'v,c,0,0,dog,train,v2\n', "line 5: uid 'c'"),
    (HEADER + 'v,a,0,0,dragon,test,v2\n', "line 2: a_obj.*'dragon'"),
    (HEADER + 'v,,0,0,dog,train,v2\n', "line 2: uid ''"),
    (HEADER + 'v,a,0\n', 'line 2: more or fewer values than the 7 columns'),
    (HEADER + 'v,a,0,0,dog,man,train,v2\n', 'line 2: more or fewer values'),
    (HEADER + 'v,a,0,0,dog,trian,v2\n', "no clip of split 'train'.*'trian'"),
])
def test_wrong_files(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text)
