# Copyright (c) mmteso contributors. All rights reserved.
import pickle
import shutil
from functools import partial
from pathlib import Path

import pytest

from data import make_avsbench
from mmteso.datasets import AVSBenchDataset
from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES, voc_palette
from mmteso.datasets.clips import list_names

ALL = ('v1s', 'v1m', 'v2')
# serialising calls the slow garbage collector
build = partial(AVSBenchDataset, serialize_data=False)


@pytest.fixture(scope='module')
def clean_root(tmp_path_factory):
    return make_avsbench(tmp_path_factory.mktemp('avsbench'), clips=2)


@pytest.mark.parametrize('check_files', [True, False])
@pytest.mark.parametrize('subsets, split, frames', [
    ('v1s', 'train', 2 * 1),
    ('v1s', 'test', 2 * 5),
    (ALL, ['train', 'val'], 2 * 36),
    (ALL, None, 2 * 56),
])
def test_frames_in_their_order(clean_root, subsets, split, frames,
                               check_files):
    dataset = build(clean_root, subsets, split, check_files=check_files)
    assert len(dataset) == frames
    infos = [dataset.get_data_info(i) for i in range(frames)]
    keys = [(info['uid'], info['frame']) for info in infos]
    assert len(set(keys)) == frames
    for (uid, frame), (next_uid, next_frame) in zip(keys, keys[1:]):
        assert next_frame == (frame + 1 if next_uid == uid else 0)
    splits = [split] if isinstance(split, str) else split or (
        'train', 'val', 'test')
    assert {info['split'] for info in infos} == set(splits)


def test_sample(clean_root):
    dataset = AVSBenchDataset(clean_root, 'v2', 'test', task='semantic')
    info = dataset.get_data_info(13)
    clip = Path(clean_root, 'v2', 'v2-test-1_0_10000')
    for key, path in (('img_path', 'frames/3.jpg'),
                      ('seg_map_path', 'labels_rgb/3.png'), ('audio_path',
                                                             'audio.wav')):
        assert Path(info[key]) == clip / path and Path(info[key]).is_file()
    objects = info.pop('a_obj')
    assert len(objects) == 2 and set(objects) < set(AVSBENCH_CLASSES)
    expected = dict(visible_map_path=None, uid=clip.name, frame=3,
                    num_frames=10, subset='v2', split='test', vid='v2-test',
                    unseen_source=False, task='semantic', label_format='rgb',
                    class_names=AVSBENCH_CLASSES, palette=voc_palette(71),
                    label_map=None, reduce_zero_label=False, seg_fields=[],
                    sample_idx=13)
    assert {key: info[key] for key in expected} == expected
    # what a pipeline adds to one sample does not stay in the next
    info['seg_fields'].append('gt_seg_map')
    assert dataset.get_data_info(13)['seg_fields'] == []
    # what all have in common is not stored with each
    shared = len(pickle.dumps((AVSBENCH_CLASSES, voc_palette(71))))
    per_frame = dataset.data_bytes.nbytes / len(dataset)
    assert per_frame < 3 * len(clean_root) + 450 < 3 * len(clean_root) + shared


def test_classes_of_other_data(tmp_path):
    mine = dict(classes=('background', 'tram', 'church-bell', 'river'))
    root = make_avsbench(tmp_path, ('v1m', ), ('train', ))
    with pytest.raises(ValueError, match='metainfo.classes right'):
        build(root, metainfo=mine)
    Path(root, 'label2idx.json').unlink()
    with pytest.raises(ValueError, match='line 2: a_obj.*none of the 4 cl'):
        build(root, metainfo=mine)
    with pytest.raises(FileNotFoundError, match='is no folder'):
        build(str(tmp_path / 'nowhere'))


@pytest.mark.parametrize('arguments, message', [
    (dict(subsets='v3'), "each of the subsets .'v3'"),
    (dict(subsets=()), 'one or more'),
    (dict(split='trainval'), "no clip of split 'trainval'.*'train', 'v1m'"),
    (dict(split=['test', 'dev']), "no clip of split .'test', 'dev'"),
    (dict(split=()), 'one or more splits'),
    (dict(task='instance'), "'instance'"),
    (dict(mask_source='masks'), "'masks'"),
    (dict(missing='ignore'), "'ignore'"),
    (dict(missing='skip', check_files=False), 'check_files=True'),
    (dict(with_masks=False, check_files=False), 'check_files=True'),
    (dict(frames_per_clip=0), 'positive number'),
    (dict(frames_per_clip=dict(v2=10)), 'each of the subsets'),
    (dict(reduce_zero_label=True), "goes with task='semantic'"),
])
def test_wrong_arguments(clean_root, arguments, message):
    with pytest.raises(ValueError, match=message):
        build(clean_root, **arguments)


def test_frames_per_clip(tmp_path):
    root = make_avsbench(tmp_path, ('v1m', 'v2'), ('test', ), frames=2)
    arguments = dict(data_root=root, subsets=('v1m', 'v2'), split='test')
    for number in (2, 'folder', dict(v1m=2, v2=2)):
        assert len(build(frames_per_clip=number, **arguments)) == 4
    with pytest.raises(FileNotFoundError, match='22 missing'):
        build(**arguments)  # 3 + 8 frames and as many masks
    # a gap, or a mask without its frame, is no shorter clip
    for frame in (0, 1):
        next(Path(root).glob(f'v2/*/frames/{frame}.jpg')).unlink()
        with pytest.raises(FileNotFoundError, match=f'{frame + 1} missing f'):
            build(frames_per_clip='folder', **arguments)


def test_missing_files_are_counted_and_listed(root):
    clips = sorted(Path(root, 'v1m').glob('v1m-train-*'))
    shutil.rmtree(clips[0] / 'labels_rgb')
    for frame in range(5):
        (clips[1] / 'frames' / f'{frame}.jpg').unlink()
        (clips[1] / 'labels_rgb' / f'{frame}.png').unlink()
    shutil.rmtree(Path(root, 'v2', 'v2-train-0_0_10000'))
    with pytest.raises(FileNotFoundError) as caught:
        build(root, ALL, 'train')
    message = str(caught.value)
    assert '12 missing files or folders in 3 videos' in message
    assert message.count('\n  v') == 10
    assert (f'v1m/v1m-train-0_0_5000: {clips[0]}/labels_rgb (expected the '
            'masks of 5 frames; data without any: with_masks=False)'
            ) in message
    assert f'{clips[1]}/frames/0.jpg (expected 5 frames)' in message
    # the other splits and subsets are whole
    assert len(build(root, 'v1s', 'train')) == 2
    # read lazily, the same data set can be built
    assert len(build(root, ALL, 'train', check_files=False)) == 32


def test_skipping_what_is_missing(root, warned):
    assert build(root, ALL, missing='skip').skipped == []
    assert not warned
    clips = sorted(Path(root, 'v1m').glob('v1m-train-*'))
    (clips[0] / 'frames' / '1.jpg').unlink()
    (clips[0] / 'labels_rgb' / '3.png').unlink()
    (clips[1] / 'audio.wav').unlink()
    dataset = build(root, missing='skip')
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [(info['frame'], info['num_frames'])
            for info in infos] == [(0, 5), (2, 5), (4, 5)]
    uids = [clip.name for clip in clips]
    assert dataset.skipped == [
        (uids[0], 1), (uids[0], 3)] + [(uids[1], frame) for frame in range(5)]
    assert len(dataset.missing_files) == 3
    assert dataset.missing_files[2][1] == str(clips[1] / 'audio.wav')
    assert len(warned) == 1
    assert 'leaves out 7 frames and keeps 3' in warned[0]
    assert '1.jpg' in warned[0]
    for clip in clips:
        shutil.rmtree(clip)
    with pytest.raises(FileNotFoundError, match='0 stay'):
        build(root, missing='skip')


def test_masks_of_visible_objects(tmp_path):
    root = make_avsbench(tmp_path, ('v1m', ), clips=2, visible=True)
    clip = sorted(Path(root, 'v1m').glob('*train*'))[0]
    (clip / 'labels_visible' / '4.png').unlink()
    with pytest.raises(FileNotFoundError, match='expected the visible obj'):
        build(root)
    # a clip without the folder simply has none
    shutil.rmtree(clip / 'labels_visible')
    for check_files in (True, False):
        dataset = build(root, check_files=check_files)
        assert [dataset.get_data_info(index)['visible_map_path'] is None
                for index in (0, 4, 5, 9)] == [True, True, False, False]


def test_without_masks(root):
    v1s = build(root, 'v1s', 'train', with_masks=False)
    assert [v1s.get_data_info(i)['seg_map_path'] is None
            for i in range(10)] == [False, True, True, True, True] * 2
    for folder in Path(root, 'v1m').glob('*/labels_rgb'):
        shutil.rmtree(folder)
    v1m = build(root, 'v1m', 'test', with_masks=False)
    assert len(v1m) == 10
    assert v1m.get_data_info(9)['seg_map_path'] is None


def test_other_file_backend(clean_root):
    local = build(clean_root, ALL, backend_args=dict(backend='local'))
    assert len(local) == len(build(clean_root, ALL))
    assert list_names(f'{clean_root}/nothing', local.backend_args) is None
