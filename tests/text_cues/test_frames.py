# Copyright (c) mmteso contributors. All rights reserved.
from collections import Counter

import pytest
from PIL import Image

from data import make_avsbench
from mmteso.text_cues import FRAME_SOURCES, DatasetFrames, FolderFrames


def write_images(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new('RGB', (4, 4)).save(folder / name)


def keys(frames):
    return [frame.key for frame in frames]


@pytest.fixture(scope='module')
def avsbench(tmp_path_factory):
    return str(make_avsbench(tmp_path_factory.mktemp('avsbench')))


def test_every_frame_of_a_data_set_with_or_without_mask(avsbench):
    frames = FRAME_SOURCES.build(
        dict(type='DatasetFrames', dataset=dict(
                 type='AVSBenchDataset', data_root=avsbench,
                 subsets=('v1s', 'v1m', 'v2'), split=None,
                 with_masks=False))).list_frames()
    assert len(set(keys(frames))) == len(frames)
    numbers = {}
    for frame in frames:
        numbers.setdefault(frame.uid, []).append(frame.frame)
        assert frame.img_path == frame.clip_paths[frame.frame]
        assert frame.labels
        assert Image.open(frame.img_path).size
    lengths = Counter(map(len, numbers.values()))
    # 5 in v1s (train as well, where one frame has a mask) and v1m, 10 in v2
    assert set(lengths) == {5, 10}
    assert all(n == list(range(len(n))) for n in numbers.values())


def test_a_data_set_without_clips_is_refused(tmp_path):
    write_images(tmp_path, 'a.png')
    with pytest.raises(ValueError, match='img_path, uid.*FolderFrames'):
        DatasetFrames(dict(type='BaseSegDataset',
                           data_prefix=dict(img_path=str(tmp_path)),
                           img_suffix='.png')).list_frames()


@pytest.mark.parametrize('below', ['', 'frames'])
def test_a_folder_of_clips(tmp_path, below):
    write_images(tmp_path / 'b' / below, '10.jpg', '2.jpg', '1.JPG')
    write_images(tmp_path / 'a' / below, 'x.png')
    (tmp_path / 'a' / below / 'notes.txt').write_text('no image')
    (tmp_path / 'a' / below / '._x.png').write_text('no image either')
    (tmp_path / 'empty').mkdir()
    frames = FolderFrames(str(tmp_path)).list_frames()
    assert keys(frames) == [('a', 0), ('b', 0), ('b', 1), ('b', 2)]
    names = [frame.img_path.rsplit('/', 1)[1] for frame in frames]
    assert names == ['x.png', '1.JPG', '2.jpg', '10.jpg']
    assert len(frames[1].clip_paths) == 3
    assert frames[0].labels is None


def test_a_folder_of_one_clip(tmp_path):
    write_images(tmp_path / 'clip', '0002.jpg', '0001.jpg')
    frames = FolderFrames(str(tmp_path / 'clip') + '/').list_frames()
    assert keys(frames) == [('clip', 0), ('clip', 1)]
    assert frames[0].img_path.endswith('0001.jpg')


def test_wrong_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match='does not exist'):
        FolderFrames(str(tmp_path / 'nowhere')).list_frames()
    with pytest.raises(FileNotFoundError, match='holds 0 images'):
        FolderFrames(str(tmp_path)).list_frames()
    write_images(tmp_path, 'a.jpg')
    write_images(tmp_path / 'b', 'b.jpg')
    with pytest.raises(ValueError, match='a folder per clip'):
        FolderFrames(str(tmp_path)).list_frames()
