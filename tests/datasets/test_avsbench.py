# Copyright (c) mmteso contributors. All rights reserved.
import logging
import pickle
import shutil
from pathlib import Path

import pytest
from mmengine.logging import MMLogger
from mmseg.registry import DATASETS

from data import make_avsbench
from mmteso.datasets import AVSBenchDataset
from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES, voc_palette
from mmteso.testbeds.synthavs.classes import CLASSES as SYNTHAVS_CLASSES

ALL = ('v1s', 'v1m', 'v2')
IMAGE_ONLY = [dict(type='LoadImageFromFile')]


def build(*args, **kwargs):
    """Build the data set; serialising calls the slow garbage collector."""
    return AVSBenchDataset(*args, serialize_data=False, **kwargs)


@pytest.fixture(scope='module')
def clean_root(tmp_path_factory):
    return make_avsbench(tmp_path_factory.mktemp('avsbench'), clips=2)


@pytest.fixture
def root(clean_root, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(clean_root, tmp_path / 'avs')


@pytest.fixture
def warnings_logged():
    """Messages of warning level that go to the current logger."""
    records = []

    class Keep(logging.Handler):

        def emit(self, record):
            records.append(record.getMessage())

    logger = MMLogger.get_current_instance()
    handler = Keep(logging.WARNING)
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)


@pytest.mark.parametrize('check_files', [True, False])
@pytest.mark.parametrize('subsets, split, frames', [
    ('v1s', 'train', 2 * 1),
    ('v1s', 'test', 2 * 5),
    ('v1m', 'train', 2 * 5),
    ('v2', 'val', 2 * 10),
    (ALL, 'train', 2 * 16),
    (ALL, 'test', 2 * 20),
])
def test_lengths(clean_root, subsets, split, frames, check_files):
    dataset = build(
        clean_root, subsets, split, check_files=check_files)
    assert len(dataset) == frames
    keys = [(info['uid'], info['frame'])
            for info in map(dataset.get_data_info, range(frames))]
    assert len(set(keys)) == frames
    # clip by clip and in time order
    for (uid, frame), (next_uid, next_frame) in zip(keys, keys[1:]):
        assert next_frame == (frame + 1 if next_uid == uid else 0)
    assert {uid.split('-')[1] for uid, _ in keys} == {split}


def test_sample(clean_root):
    dataset = AVSBenchDataset(clean_root, 'v2', 'test', task='semantic')
    info = dataset.get_data_info(13)
    clip = Path(clean_root, 'v2', 'v2-test-1_0_10000')
    assert Path(info['img_path']) == clip / 'frames' / '3.jpg'
    assert Path(info['seg_map_path']) == clip / 'labels_rgb' / '3.png'
    assert Path(info['audio_path']) == clip / 'audio.wav'
    for key in ('img_path', 'seg_map_path', 'audio_path'):
        assert Path(info[key]).is_file()
    assert info['visible_map_path'] is None
    assert info['uid'] == clip.name
    assert (info['frame'], info['num_frames']) == (3, 10)
    assert (info['subset'], info['split']) == ('v2', 'test')
    assert len(info['a_obj']) == 2
    assert set(info['a_obj']) < set(AVSBENCH_CLASSES)
    assert info['task'] == 'semantic'
    assert info['label_format'] == 'rgb'
    assert info['class_names'] == AVSBENCH_CLASSES
    assert info['palette'] == voc_palette(71)
    assert info['label_map'] is None
    assert info['reduce_zero_label'] is False
    assert info['seg_fields'] == []
    assert info['sample_idx'] == 13
    # what a pipeline adds to one sample does not stay in the next
    info['seg_fields'].append('gt_seg_map')
    assert dataset.get_data_info(13)['seg_fields'] == []


def test_metainfo(clean_root):
    binary = build(clean_root, task='binary').metainfo
    assert binary['classes'] == ('background', 'sounding')
    assert len(binary['palette']) == 2
    semantic = build(clean_root, task='semantic').metainfo
    assert semantic['classes'] == AVSBENCH_CLASSES
    assert semantic['palette'] == voc_palette(71)
    assert semantic['label_map'] is None
    extra = build(clean_root, metainfo=dict(year=2023)).metainfo
    assert extra['year'] == 2023
    mine = dict(classes=['background', 'dog'], palette=[[0] * 3, [255] * 3])
    for task, classes in (('binary', ('background', 'sounding')),
                          ('semantic', ('background', 'dog'))):
        dataset = build(clean_root, task=task, metainfo=mine, lazy_init=True)
        assert dataset.metainfo['classes'] == classes
        assert dataset.metainfo['class_names'] == ('background', 'dog')
        assert dataset.shared_info['palette'] == mine['palette']


def test_registry_and_index_masks(clean_root):
    dataset = DATASETS.build(
        dict(
            type='AVSBenchDataset',
            data_root=clean_root,
            subsets=['v1m'],
            mask_source='labels_semantic',
            serialize_data=False,
            indices=3))
    assert len(dataset) == 3
    info = dataset.get_data_info(2)
    assert info['label_format'] == 'index'
    assert 'labels_semantic' in info['seg_map_path']


def test_frame_stays_small(clean_root):
    dataset = AVSBenchDataset(clean_root, 'v2', 'test', task='semantic')
    per_frame = dataset.data_bytes.nbytes / len(dataset)
    shared = len(pickle.dumps((AVSBENCH_CLASSES, voc_palette(71))))
    assert per_frame < 3 * len(clean_root) + 400 < shared + 3 * len(
        clean_root)


@pytest.mark.parametrize('arguments, message', [
    (dict(subsets='v3'), r"\['v1s', 'v1m', 'v2'\].*'v3'"),
    (dict(subsets=()), r'one or more'),
    (dict(split='trainval'), "'trainval'"),
    (dict(task='instance'), "'instance'"),
    (dict(metainfo=dict(classes=['dog', 'cat'])), "'background' and up"),
    (dict(mask_source='masks'), "'masks'"),
    (dict(missing='ignore'), "'ignore'"),
    (dict(missing='skip', check_files=False), 'check_files=True'),
    (dict(with_masks=False, check_files=False), 'check_files=True'),
    (dict(frames_per_clip=0), 'positive number'),
    (dict(frames_per_clip='all'), "'folder'"),
    (dict(frames_per_clip=dict(v2=10)), 'each of the subsets'),
])
def test_wrong_arguments(clean_root, arguments, message):
    with pytest.raises(ValueError, match=message):
        build(clean_root, **arguments)


def test_root_and_metadata_missing(clean_root, tmp_path):
    with pytest.raises(FileNotFoundError, match='is no folder'):
        build(str(tmp_path / 'nowhere'))
    with pytest.raises(FileNotFoundError, match='AVSBench-semantic layout'):
        build(clean_root, ann_file='other.csv')


def test_label2idx_is_checked(tmp_path):
    one_based = make_avsbench(
        tmp_path / 'a', ('v1m', ), ('train', ), label_base=1)
    assert len(build(one_based)) == 5
    with pytest.raises(ValueError, match='metainfo.classes right'):
        build(one_based, metainfo=dict(classes=SYNTHAVS_CLASSES))
    Path(one_based, 'label2idx.json').unlink()
    assert len(build(one_based)) == 5


def test_synthavs_counts_the_folder(tmp_path):
    root = make_avsbench(
        tmp_path, ('v2', ), ('train', ),
        frames=3,
        class_names=SYNTHAVS_CLASSES,
        visible=True)
    for check_files in (True, False):
        dataset = build(
            root,
            'v2',
            metainfo=dict(classes='label2idx.json'),
            check_files=check_files)
        assert len(dataset) == 3
        info = dataset.get_data_info(2)
        assert info['num_frames'] == 3
        assert info['class_names'] == tuple(SYNTHAVS_CLASSES)
        assert Path(info['visible_map_path']).is_file()
        assert Path(info['visible_map_path']).parts[-2:] == (
            'labels_visible', '2.png')
    # a gap, or a mask without its frame, is no shorter clip
    for frame in (1, 2):
        next(Path(root).glob(f'v2/*/frames/{frame}.jpg')).unlink()
    with pytest.raises(
            FileNotFoundError, match=r'2 missing files(.|\n)*/1.jpg'):
        build(root, 'v2', metainfo=dict(classes='label2idx.json'))


def test_missing_visible_map(tmp_path):
    root = make_avsbench(
        tmp_path, ('v1m', ), ('train', ), clips=2, visible=True)
    clips = sorted(Path(root, 'v1m').iterdir())
    (clips[0] / 'labels_visible' / '4.png').unlink()
    with pytest.raises(
            FileNotFoundError, match='expected the visible objects'):
        build(root)
    # a clip without the folder simply has none
    shutil.rmtree(clips[0] / 'labels_visible')
    dataset = build(root)
    assert [
        dataset.get_data_info(index)['visible_map_path'] is None
        for index in (0, 4, 5, 9)
    ] == [True, True, False, False]


def test_v3_list(clean_root):
    """A list of AVS-V3: its own split words, objects left empty."""
    Path(clean_root, 'v3').mkdir()
    Path(clean_root, 'v3', 'unseen.csv').write_text(
        'vid,uid,s_min,s_sec,a_obj,split,label\n'
        'x,v2-train-0_0_10000,,,,v3_1_shot_train,v2\n'
        'x,v1m-test-1_0_5000,,,dog,unseen,v1m\n')
    dataset = build(
        clean_root, ('v1m', 'v2'), split=None, ann_file='v3/unseen.csv')
    assert len(dataset) == 15
    assert dataset.get_data_info(0)['a_obj'] == ()
    assert dataset.get_data_info(14)['a_obj'] == ('dog', )
    with pytest.raises(ValueError, match='split=None'):
        build(clean_root, 'v2', ann_file='v3/unseen.csv')


def test_frames_per_clip(tmp_path):
    root = make_avsbench(tmp_path, ('v1m', 'v2'), ('test', ), frames=2)
    arguments = dict(data_root=root, subsets=('v1m', 'v2'), split='test')
    for number in (2, 'folder', dict(v1m=2, v2=2)):
        assert len(build(frames_per_clip=number, **arguments)) == 4
    with pytest.raises(FileNotFoundError, match='22 missing'):
        build(**arguments)  # 3 + 8 frames and as many masks


def test_other_files_do_not_matter(root):
    clip = Path(root, 'v1m', 'v1m-train-0_0_5000')
    for name in ('Thumbs.db', 'notes.jpg', 'old.png'):
        (clip / 'frames' / name).write_text('')
        (clip / 'labels_rgb' / name).write_text('')
    for number in (None, 'folder'):
        assert len(build(root, frames_per_clip=number)) == 10


def test_missing_is_counted_and_listed(root):
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
    listed = [line for line in message.splitlines() if line.startswith('  v')]
    assert len(listed) == 10
    assert '... and 2 more' in message
    assert ('v1m/v1m-train-0_0_5000: '
            f'{clips[0]}/labels_rgb (expected the masks of 5 frames; '
            'data without any: with_masks=False)'
            ) in message
    assert (f'{clips[1]}/frames/0.jpg (expected 5 frames)') in message
    # the other splits and subsets are whole
    assert len(build(root, 'v1s', 'train')) == 2
    # read lazily, the same data set can be built
    assert len(build(root, ALL, 'train', check_files=False)) == 32


def test_missing_skip(root, warnings_logged):
    clips = sorted(Path(root, 'v1m').glob('v1m-train-*'))
    (clips[0] / 'frames' / '1.jpg').unlink()
    (clips[0] / 'labels_rgb' / '3.png').unlink()
    (clips[1] / 'audio.wav').unlink()
    dataset = build(root, missing='skip')
    assert [dataset.get_data_info(i)['frame']
            for i in range(len(dataset))] == [0, 2, 4]
    assert {dataset.get_data_info(i)['num_frames'] for i in range(3)} == {5}
    uids = [clip.name for clip in clips]
    assert dataset.skipped == [(uids[0], 1), (uids[0], 3)] + [
        (uids[1], frame) for frame in range(5)
    ]
    assert len(dataset.missing_files) == 3
    assert dataset.missing_files[2].path == str(clips[1] / 'audio.wav')
    assert len(warnings_logged) == 1
    assert 'leaves out 7 frames and keeps 3' in warnings_logged[0]
    assert '1.jpg' in warnings_logged[0]


def test_skip_leaves_nothing(root):
    for clip in Path(root, 'v1m').glob('v1m-train-*'):
        shutil.rmtree(clip)
    with pytest.raises(FileNotFoundError, match='no frame is left'):
        build(root, missing='skip')


def test_whole_data_is_silent(clean_root, warnings_logged):
    dataset = build(clean_root, ALL, missing='skip')
    assert dataset.missing_files == dataset.skipped == []
    assert warnings_logged == []


def test_without_masks(root):
    v1s = build(root, 'v1s', 'train', with_masks=False)
    assert len(v1s) == 10
    assert v1s.get_data_info(0)['seg_map_path'] is not None
    assert v1s.get_data_info(1)['seg_map_path'] is None
    for folder in Path(root, 'v1m').glob('*/labels_rgb'):
        shutil.rmtree(folder)
    v1m = build(root, 'v1m', 'test', with_masks=False)
    assert len(v1m) == 10
    assert v1m.get_data_info(9)['seg_map_path'] is None


def test_reading_missing_and_broken_images(root):
    clip = Path(root, 'v1m', 'v1m-train-0_0_5000')
    dataset = build(root, pipeline=IMAGE_ONLY)
    assert dataset[0]['img'].shape == (24, 32, 3)
    image = clip / 'frames' / '0.jpg'
    whole = image.read_bytes()
    for content in (b'', b'no image', whole[:len(whole) // 2]):
        image.write_bytes(content)
        with pytest.raises(
                ValueError,
                match=r'v1m/v1m-train-0_0_5000, frame 0: .*0\.jpg can\'t be '
                rf'decoded \({len(content)} bytes\); expected a \.jpg'):
            dataset[0]
    image.unlink()
    with pytest.raises(
            FileNotFoundError, match=r'frame 0: .*0\.jpg is missing'):
        dataset[0]
    assert dataset[1]['img'].shape == (24, 32, 3)


def test_other_errors_of_the_pipeline_pass(clean_root):

    def fails(results):
        raise KeyError('mine')

    dataset = build(clean_root, pipeline=[fails])
    with pytest.raises(KeyError, match='mine'):
        dataset[0]


def test_other_file_backend(clean_root):
    local = build(
        clean_root, ALL, backend_args=dict(backend='local'))
    assert len(local) == len(build(clean_root, ALL))
    Path(clean_root, 'extra').mkdir()
    assert local.list_names(f'{clean_root}/extra') == frozenset()
    assert local.list_names(f'{clean_root}/nothing') is None
