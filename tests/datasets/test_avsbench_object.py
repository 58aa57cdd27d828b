# Copyright (c) mmteso contributors. All rights reserved.
from functools import partial
from pathlib import Path

import pytest

from data import make_avsbench_object
from mmteso.datasets import AVSBenchObjectDataset

# serialising calls the slow garbage collector
build = partial(AVSBenchObjectDataset, serialize_data=False)


@pytest.fixture(scope='module')
def clean_root(tmp_path_factory):
    root = tmp_path_factory.mktemp('object')
    make_avsbench_object(root, 's4', clips=2)
    return make_avsbench_object(root, 'ms3', clips=1)


@pytest.mark.parametrize('check_files', [True, False])
@pytest.mark.parametrize('audio', ['wav', 'log_mel'])
@pytest.mark.parametrize('subset, split, frames', [
    ('s4', 'train', 2),
    ('s4', 'val', 10),
    ('ms3', 'train', 5),
    ('ms3', 'test', 5),
])
def test_every_file_exists(clean_root, subset, split, frames, audio,
                           check_files):
    dataset = build(
        clean_root, subset, split, audio=audio, check_files=check_files)
    assert len(dataset) == frames
    key, absent = 'audio_path', 'log_mel_path'
    if audio == 'log_mel':
        key, absent = absent, key
    for index in range(frames):
        info = dataset.get_data_info(index)
        assert absent not in info
        for path in (info['img_path'], info['seg_map_path'], info[key]):
            assert Path(path).is_file()
        number = info['frame'] + 1
        assert info['img_path'].endswith(f'_{number}.png')
        assert info['seg_map_path'].endswith(f'{info["uid"]}_{number}.png')
        assert (info['subset'], info['num_frames']) == (subset, 5)
        assert (info['task'], info['label_format']) == ('binary', 'binary')


@pytest.mark.parametrize(
    'arguments, message',
    [(dict(subset='v1s'), r"subset.*\['s4', 'ms3'\].*'v1s'"),
     (dict(split='all'), "split.*'all'"), (dict(audio='mp3'), "audio.*'mp3'")])
def test_wrong_arguments(clean_root, arguments, message):
    with pytest.raises(ValueError, match=message):
        build(clean_root, **arguments)


def test_missing(root, tmp_path):
    data = Path(root, 'Multi-sources', 'ms3_data')
    name = 'ms3-test-0'
    (data / 'visual_frames' / name / f'{name}.mp4_2.png').unlink()
    (data / 'audio_wav' / 'test' / f'{name}.wav').unlink()
    with pytest.raises(FileNotFoundError, match='expected the sound'):
        build(root, 'ms3', 'test', missing='skip')
    kept = build(root, 'ms3', 'test', missing='skip', audio='log_mel')
    assert kept.skipped == [(name, 1)]
    with pytest.raises(FileNotFoundError, match="subset 's4'"):
        build(str(tmp_path))
