# Copyright (c) mmteso contributors. All rights reserved.
from pathlib import Path

import numpy as np
import pytest
from mmseg.registry import TRANSFORMS
from PIL import Image

from data import make_avsbench
from mmteso.datasets import AVSBenchDataset
from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES, voc_palette
from mmteso.datasets.transforms import LoadAVSAnnotations
from mmteso.datasets.transforms.loading_annotations import labels_from_rgb

PALETTE = voc_palette(71)
IGNORE_COLOR = (224, 224, 192)


def build(*args, **kwargs):
    """Build the data set; serialising calls the slow garbage collector."""
    return AVSBenchDataset(*args, serialize_data=False, **kwargs)


@pytest.fixture(scope='module')
def visible_root(tmp_path_factory):
    return make_avsbench(
        tmp_path_factory.mktemp('visible'), ('v1m', ), ('test', ),
        visible=True)


def sample(path, label_format, task='semantic', **more):
    return dict(
        seg_map_path=str(path),
        label_format=label_format,
        task=task,
        class_names=AVSBENCH_CLASSES,
        palette=PALETTE,
        seg_fields=[],
        uid='clip_0_5000',
        frame=3,
        subset='v1m',
        **more)


def write_pair(folder, labels):
    """Write labels as colours and as indices, as the release has them."""
    palette = np.array(voc_palette(256), np.uint8)
    Image.fromarray(palette[labels]).save(folder / 'rgb.png')
    Image.fromarray(labels).save(folder / 'index.png')
    return folder / 'rgb.png', folder / 'index.png'


def slow_labels(rgb, palette):
    """One comparison per class."""
    labels = np.full(rgb.shape[:2], -1)
    for label, color in [*enumerate(palette), (255, IGNORE_COLOR)]:
        labels[(rgb == np.array(color)).all(-1)] = label
    return labels


def test_labels_from_rgb():
    rng = np.random.default_rng(0)
    palette = np.array(voc_palette(256), np.uint8)
    rgb = palette[rng.integers(0, 256, (40, 50))]
    rgb[::7, ::5] = rng.integers(0, 256, (6, 10, 3))
    labels = labels_from_rgb(rgb, PALETTE)
    assert labels.shape == (40, 50)
    np.testing.assert_array_equal(labels, slow_labels(rgb, PALETTE))
    assert (labels == -1).any() and (labels == 255).any()
    # another class list is another table
    np.testing.assert_array_equal(
        labels_from_rgb(rgb, PALETTE[:9]), slow_labels(rgb, PALETTE[:9]))


@pytest.mark.parametrize('task', ['semantic', 'binary'])
def test_colours_and_indices_agree(tmp_path, task):
    labels = np.random.default_rng(1).integers(0, 71, (30, 20), np.uint8)
    labels[:3], labels[5] = 255, 0
    rgb_path, index_path = write_pair(tmp_path, labels)
    load = TRANSFORMS.build(dict(type='LoadAVSAnnotations'))
    from_rgb = load(sample(rgb_path, 'rgb', task))
    from_index = load(sample(index_path, 'index', task))
    expected = labels
    if task == 'binary':
        expected = np.where(labels == 255, 255, labels > 0)
    for results in (from_rgb, from_index):
        assert results['gt_seg_map'].dtype == np.uint8
        np.testing.assert_array_equal(results['gt_seg_map'], expected)
        assert results['seg_fields'] == ['gt_seg_map']
        assert results['frame_classes'] == tuple(
            AVSBENCH_CLASSES[i] for i in range(1, 71) if (labels == i).any())
        assert results['unknown_pixels'] == 0


def test_image_modes(tmp_path):
    """A palette PNG is read by colour or by index, as asked; alpha goes."""
    labels = np.array([[0, 1, 28], [70, 255, 2]], np.uint8)
    image = Image.fromarray(labels, 'P')
    image.putpalette([value for color in voc_palette(256) for value in color])
    image.save(tmp_path / 'palette.png')
    image.convert('RGBA').save(tmp_path / 'alpha.png')
    load = LoadAVSAnnotations()
    for name, label_format in (('palette', 'rgb'), ('palette', 'index'),
                               ('alpha', 'rgb')):
        results = load(sample(tmp_path / f'{name}.png', label_format))
        np.testing.assert_array_equal(results['gt_seg_map'], labels)
        assert results['frame_classes'] == (AVSBENCH_CLASSES[1],
                                            AVSBENCH_CLASSES[2], 'guitar',
                                            'woman')
    # OpenCV turns channels round; the result must not change
    results = LoadAVSAnnotations(imdecode_backend='cv2')(
        sample(tmp_path / 'alpha.png', 'rgb'))
    np.testing.assert_array_equal(results['gt_seg_map'], labels)


def test_turned_masks(tmp_path):
    """Stored sideways and said so by EXIF, as the frame of a phone is."""
    labels = np.array([[0, 1, 2], [28, 70, 255]], np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    for path, label_format in zip(
            write_pair(tmp_path, np.rot90(labels)), ('rgb', 'index')):
        Image.open(path).save(path, exif=exif)
        results = LoadAVSAnnotations()(
            sample(path, label_format, ori_shape=(2, 3)))
        np.testing.assert_array_equal(results['gt_seg_map'], labels)


def test_silent_frame(tmp_path):
    rgb_path, index_path = write_pair(tmp_path, np.zeros((4, 4), np.uint8))
    for path, label_format in ((rgb_path, 'rgb'), (index_path, 'index')):
        results = LoadAVSAnnotations()(sample(path, label_format))
        assert results['frame_classes'] == ()
        assert not results['gt_seg_map'].any()


def write_stray(folder, count):
    """Masks of 10 x 20 pixels, `count` of them unknown, by label format."""
    labels = np.zeros((10, 20), np.uint8)
    labels[:5] = 28
    stray = np.zeros_like(labels, bool)
    stray.flat[50:50 + count] = True
    rgb = np.array(PALETTE, np.uint8)[labels]
    rgb[stray] = 11
    grey = np.uint8(255) * (labels > 0)
    grey[stray] = 254
    values = dict(
        rgb=rgb, index=np.where(stray, 71, labels).astype(np.uint8),
        binary=grey)
    for name, image in values.items():
        Image.fromarray(image).save(folder / f'{name}.png')
    return labels, stray


@pytest.mark.parametrize('label_format', ['rgb', 'index', 'binary'])
@pytest.mark.parametrize('count, options, becomes', [
    (0, dict(), None),
    (2, dict(), 255),  # 1 %
    (3, dict(max_unknown=0.015), 255),
    (40, dict(unknown_color='background'), 0),
])
def test_stray_pixels(tmp_path, label_format, count, options, becomes):
    labels, stray = write_stray(tmp_path, count)
    task = 'binary' if label_format == 'binary' else 'semantic'
    results = LoadAVSAnnotations(**options)(
        sample(tmp_path / f'{label_format}.png', label_format, task))
    if task == 'binary':
        labels = labels > 0
    else:
        assert results['frame_classes'] == ('guitar', )
    expected = np.where(stray, 0 if becomes is None else becomes, labels)
    np.testing.assert_array_equal(results['gt_seg_map'], expected)
    assert results['unknown_pixels'] == count


@pytest.mark.parametrize('label_format, kind', [
    ('rgb', r'colour: \(11, 11, 11\)'), ('index', 'index: 71'),
    ('binary', 'grey value: 254')])
@pytest.mark.parametrize('options', [
    dict(), dict(unknown_color='error', max_unknown=1.)
])
def test_more_than_stray_pixels(tmp_path, label_format, kind, options):
    write_stray(tmp_path, 3)
    with pytest.raises(ValueError, match=f'3 of 200 .* unknown {kind}.*0150'):
        LoadAVSAnnotations(**options)(
            sample(tmp_path / f'{label_format}.png', label_format, 'binary'))


def test_missing_and_broken_masks(tmp_path):
    load = LoadAVSAnnotations()
    path = tmp_path / 'mask.png'
    with pytest.raises(
            FileNotFoundError,
            match=r'v1m/clip_0_5000, frame 3: the mask .*mask\.png is missing'
    ):
        load(sample(path, 'rgb'))
    rgb_path, _ = write_pair(tmp_path,
                             np.arange(70, dtype=np.uint8)[None].repeat(
                                 60, 0))
    whole = rgb_path.read_bytes()
    damaged = whole[:60] + b'\0\0\0\0' + whole[64:]
    for content in (b'', b'no image', whole[:len(whole) // 2], damaged):
        path.write_bytes(content)
        for backend in ('pillow', 'cv2'):
            if backend == 'cv2' and len(content) > 20:
                continue  # OpenCV returns what it could read
            with pytest.raises(
                    ValueError,
                    match=r'frame 3: the mask .*mask\.png can\'t be decoded '
                    rf'\({len(content)} bytes\)'):
                LoadAVSAnnotations(imdecode_backend=backend)(
                    sample(path, 'rgb'))
    with pytest.raises(FileNotFoundError, match='has no seg_map_path'):
        load(dict(sample(path, 'rgb'), seg_map_path=None))


def test_wrong_size_and_channels(tmp_path):
    rgb_path, index_path = write_pair(tmp_path, np.zeros((4, 6), np.uint8))
    load = LoadAVSAnnotations()
    assert load(sample(rgb_path, 'rgb', ori_shape=(4, 6)))
    with pytest.raises(
            ValueError,
            match='4 x 6, expected the 6 x 4 of its frame .*0.jpg'):
        load(sample(rgb_path, 'rgb', ori_shape=(6, 4), img_path='0.jpg'))
    with pytest.raises(ValueError, match="mask_source='labels_rgb'"):
        load(sample(rgb_path, 'index'))


def test_binary_masks_have_two_values(tmp_path):
    mask = np.zeros((4, 6), np.uint8)
    mask[1] = 255
    Image.fromarray(mask).save(tmp_path / 'mask.png')
    load = LoadAVSAnnotations()
    results = load(sample(tmp_path / 'mask.png', 'binary', 'binary'))
    np.testing.assert_array_equal(results['gt_seg_map'], mask // 255)
    assert results['frame_classes'] is None
    # an empty one, and the other value may be any
    for value in (0, 1):
        Image.fromarray(np.minimum(mask, value)).save(tmp_path / 'mask.png')
        results = load(sample(tmp_path / 'mask.png', 'binary', 'binary'))
        assert results['gt_seg_map'].sum() == 6 * value


def test_classes_that_the_binary_task_merges(tmp_path):
    labels = np.zeros((4, 6), np.uint8)
    labels[0], labels[1], labels[2, :3] = 255, 7, 40
    load = LoadAVSAnnotations(load_classes=True)
    for path, kind in zip(write_pair(tmp_path, labels), ('rgb', 'index')):
        results = load(sample(path, kind, 'binary'))
        np.testing.assert_array_equal(results['gt_class_map'], labels)
        np.testing.assert_array_equal(
            results['gt_seg_map'], np.where(labels == 255, 255, labels > 0))
        assert results['seg_fields'] == ['gt_seg_map', 'gt_class_map']
    Image.fromarray(255 * (labels == 7).astype(np.uint8)).save(
        tmp_path / 'object.png')
    with pytest.raises(
            ValueError,
            match=r'v1m/clip_0_5000, frame 3: .*object\.png is black and '
            'white.*AVSBench-semantic'):
        load(sample(tmp_path / 'object.png', 'binary', 'binary'))


def test_visible(visible_root, tmp_path):
    for task in ('binary', 'semantic'):
        dataset = build(
            visible_root,
            split='test',
            task=task,
            pipeline=[LoadAVSAnnotations(load_visible=True)])
        results = dataset[1]  # only the first of two objects sounds
        heard, seen = results['gt_seg_map'], results['gt_visible_map']
        assert results['seg_fields'] == ['gt_seg_map', 'gt_visible_map']
        assert 0 < np.count_nonzero(heard) < np.count_nonzero(seen)
        np.testing.assert_array_equal(heard[heard > 0], seen[heard > 0])
        labels = set(np.unique(seen)) - {0}
        if task == 'binary':
            assert labels == {1}
        else:
            assert labels == {
                AVSBENCH_CLASSES.index(name)
                for name in results['a_obj']
            }
        assert len(results['frame_classes']) == 1
    plain = make_avsbench(tmp_path, ('v1m', ), ('test', ))
    dataset = build(
        plain, split='test', pipeline=[LoadAVSAnnotations(load_visible=True)])
    with pytest.raises(FileNotFoundError, match='has no visible_map_path'):
        dataset[0]


@pytest.mark.parametrize('task', ['binary', 'semantic'])
def test_what_is_visible_as_the_ground_truth(visible_root, task):
    arguments = dict(split='test', task=task)
    wanted, results = (
        build(
            visible_root, pipeline=[LoadAVSAnnotations(**how)], **arguments)[1]
        for how in (dict(load_visible=True), dict(source='visible')))
    np.testing.assert_array_equal(results['gt_seg_map'],
                                  wanted['gt_visible_map'])
    assert results['gt_seg_map'].dtype == np.uint8
    assert results['seg_fields'] == ['gt_seg_map']
    # all that is visible, of which the first sounds
    assert set(results['frame_classes']) == set(results['a_obj'])
    assert len(results['frame_classes']) == 2


def test_wrong_argument():
    with pytest.raises(ValueError, match="got 'seen'"):
        LoadAVSAnnotations(source='seen')
    assert "source='sounding'" in repr(LoadAVSAnnotations())
    with pytest.raises(ValueError, match="'skip'"):
        LoadAVSAnnotations(unknown_color='skip')
    with pytest.raises(ValueError, match='share.* got 2'):
        LoadAVSAnnotations(max_unknown=2)


@pytest.mark.parametrize('augment', [
    dict(type='Resize', scale=(48, 40)),
    dict(
        type='RandomResize',
        scale=(64, 48),
        ratio_range=(0.5, 2.0),
        keep_ratio=True),
    dict(type='RandomCrop', crop_size=(16, 20), cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=1.0),
    dict(type='PhotoMetricDistortion'),
], ids=lambda config: config['type'])
@pytest.mark.parametrize('task', ['binary', 'semantic'])
def test_with_image_transforms_of_mmseg(visible_root, augment, task):
    """Image, mask, visible mask and classes move together."""
    load = [
        dict(type='LoadImageFromFile'),
        dict(
            type='LoadAVSAnnotations', load_visible=True, load_classes=True)
    ]
    arguments = dict(data_root=visible_root, split='test', task=task)
    before = build(pipeline=load, **arguments)[0]
    after = build(pipeline=load + [augment], **arguments)[0]
    size = after['img'].shape[:2]
    for key in ('gt_seg_map', 'gt_visible_map', 'gt_class_map'):
        assert after[key].shape == size
        assert after[key].dtype == np.uint8
        assert set(np.unique(after[key])) <= set(np.unique(before[key]))
        assert after[key].any()
    if augment['type'] == 'RandomFlip':
        for key in ('gt_seg_map', 'gt_visible_map', 'gt_class_map', 'img'):
            np.testing.assert_array_equal(after[key], before[key][:, ::-1])
    # in frame 0 everything that is visible sounds
    np.testing.assert_array_equal(after['gt_seg_map'],
                                  after['gt_visible_map'])
    ignored = after['gt_seg_map'] == 255
    np.testing.assert_array_equal((after['gt_class_map'] > 0)[~ignored],
                                  (after['gt_seg_map'] > 0)[~ignored])
    assert (after['gt_class_map'] == 255)[ignored].all()
    assert after['frame_classes'] == before['frame_classes']


def test_mask_loaded_after_resize_keeps_its_size(tmp_path):
    """mmseg's test pipelines load the mask last, at the frame's own size."""
    root = make_avsbench(tmp_path, ('v1m', ), ('test', ))
    dataset = build(
        root,
        split='test',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(64, 64)),
            dict(type='LoadAVSAnnotations')
        ])
    results = dataset[0]
    assert results['img'].shape == (64, 64, 3)
    assert results['gt_seg_map'].shape == (24, 32)
    # a mask of another size is found there as well
    mask = next(Path(root).glob('v1m/*/labels_rgb/1.png'))
    Image.new('RGB', (64, 64)).save(mask)
    with pytest.raises(ValueError, match='64 x 64, expected the 24 x 32'):
        dataset[1]


def test_samples_of_mmsegs_inferencers():
    """mmseg drops its own LoadAnnotations, by name; ours stays."""
    with pytest.raises(KeyError, match="label_format.*can't pass sound"):
        LoadAVSAnnotations()(dict(img_path='a.png', img=np.zeros((4, 4, 3))))


def test_background_may_be_ignored(tmp_path):
    """What was ignored stays so, and is no class 254."""
    labels = np.array([[0, 1, 70, 255]], np.uint8)
    for path, form in zip(write_pair(tmp_path, labels), ('rgb', 'index')):
        result = LoadAVSAnnotations(reduce_zero_label=True)(
            sample(path, form, reduce_zero_label=True))
        assert result['gt_seg_map'].tolist() == [[255, 0, 69, 255]]
        assert result['gt_seg_map'].dtype == np.uint8


def test_visible_map_is_reduced_as_well(visible_root):
    loaded = [
        build(
            visible_root,
            split='test',
            task='semantic',
            reduce_zero_label=reduced,
            pipeline=[dict(type='LoadAVSAnnotations', load_visible=True)])[0]
        ['gt_visible_map'] for reduced in (False, True)
    ]
    assert loaded[0].any()
    assert np.array_equal(loaded[0] - np.uint8(1), loaded[1])


@pytest.mark.parametrize('ours, theirs', [(True, False), (False, True)])
def test_whether_it_is_the_data_set_says(tmp_path, ours, theirs):
    path, _ = write_pair(tmp_path, np.zeros((1, 2), np.uint8))
    with pytest.raises(ValueError, match=f'the data set {theirs}.*set it'):
        LoadAVSAnnotations(reduce_zero_label=ours)(
            sample(path, 'rgb', reduce_zero_label=theirs))
