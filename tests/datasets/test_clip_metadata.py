# Copyright (c) mmteso contributors. All rights reserved.

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
