# Copyright (c) mmteso contributors. All rights reserved.
import json
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from mmseg.registry import DATASETS
from PIL import Image

from data import make_avsbench
from mmteso.datasets import AVSBenchDataset, check_dataset
from mmteso.datasets.data_check import _Memory, map_in_threads

CLIP = 'v1m/v1m-train-1_0_5000'  # frames 5 to 9


@pytest.fixture(scope='module')
def clean_root(tmp_path_factory):
    return make_avsbench(
        tmp_path_factory.mktemp('avsbench'), ('v1m', ), ('train', ), clips=3)


def pipeline(tta=False):
    masks = [dict(type='LoadAVSAnnotations')]
    if tta:
        masks = [dict(type='TestTimeAug', transforms=[
            [dict(type='RandomFlip', prob=0.), dict(type='RandomFlip', prob=1.)
             ], masks])]
    return [dict(type='LoadImageFromFile'), dict(type='LoadAudioClip'),
            dict(type='AudioToLogMel'),
            dict(type='LoadTextCues', cue_target='a_obj'), *masks]


def build(root, **kwargs):
    kwargs.setdefault('pipeline', pipeline())
    kwargs.setdefault('cue_file', 'cues.jsonl')
    return AVSBenchDataset(str(root), serialize_data=False, **kwargs)


def stray(root, frame, count, clip=CLIP):
    """Give a mask of 24 x 32 pixels some of a colour that no class has."""
    path = Path(root, clip, 'labels_rgb', f'{frame}.png')
    mask = np.array(Image.open(path))
    mask[0, :count] = 7
    Image.fromarray(mask).save(path)


def drop_cues(root, frame):
    path = Path(root, 'cues.jsonl')
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(''.join(
        line for line in lines if json.loads(line)['frame'] != frame
        or json.loads(line)['uid'] != Path(CLIP).name))


FAULTS = dict(
    image=(lambda clip: (clip / 'frames/2.jpg').write_bytes(b'no image'),
           [7], '2.jpg" .* cannot be decoded'),
    colour=(lambda clip: stray(clip.parents[1], 3, 8), [8],
            '8 of 768 pixels .* unknown colour'),
    sound=(lambda clip: (clip / 'audio.wav').write_bytes(b'no sound'),
           [5, 6, 7, 8, 9], 'audio.wav" .* cannot be decoded'),
    cues=(lambda clip: drop_cues(clip.parents[1], 4), [9],
          'no cues for frame 4 of "v1m-train-1'),
)


@pytest.mark.parametrize('name', FAULTS)
def test_what_a_loader_refuses(root, name):
    """It is named, and what is not named loads."""
    damage, positions, message = FAULTS[name]
    damage(root / CLIP)
    dataset = build(root)
    report = dataset.check_frames()
    assert sorted(report.faults) == positions
    assert report.num_frames == report.num_read == 15
    with pytest.raises(Exception, match=message) as raised:
        dataset[positions[0]]
    # the loader's own words, once for all frames
    text = report.describe_faults()
    assert str(raised.value.args[0]) in text
    assert text.count('\n') == 0
    assert ('(5 frames)' in text) == (len(positions) == 5)
    for index in set(range(15)) - set(positions):
        dataset[index]

    kept = build(root, missing='skip')
    assert len(kept) == 15 - len(positions)
    assert kept.skipped == [('v1m-train-1_0_5000', position - 5)
                            for position in positions]
    for index in range(len(kept)):
        kept[index]


def test_only_what_has_changed_is_read_again(root):
    assert build(root).check_frames().num_read == 15
    assert build(root).check_frames().num_read == 0
    stray(root, 1, 4)
    report = build(root).check_frames()
    assert report.num_read == 1 and not report.faults
    # what was found is remembered too
    again = build(root).check_frames()
    assert again.num_read == 0
    assert again.unknown == report.unknown == {
        f'{CLIP}, frame 1': (4, 4 / 768)}
    assert 'unknown colour: 4, in 1 masks, at most 0.52%' in again.summary()
    # a loader that is told otherwise looks for itself
    strict = pipeline()
    strict[-1]['unknown_color'] = 'error'
    report = build(root, pipeline=strict).check_frames()
    assert report.num_read == 15 and list(report.faults) == [6]
    # what is broken is looked at each time, until it is mended
    assert build(root, pipeline=strict).check_frames().num_read == 1
    # cues are not part of it
    drop_cues(root, 4)
    report = build(root).check_frames()
    assert report.num_read == 0 and list(report.faults) == [9]


def test_data_that_cannot_be_written_to(root, monkeypatch, tmp_path):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    monkeypatch.setattr('os.access', lambda path, mode: False)
    before = sorted(root.iterdir())
    assert [build(root).check_frames().num_read for _ in range(2)] == [15, 0]
    assert sorted(root.iterdir()) == before


def test_wrappers_and_views(root):
    """Data sets in wrappers, loaders in TestTimeAug."""
    (root / CLIP / 'labels_rgb/0.png').write_bytes(b'')
    config = dict(type='AVSBenchDataset', data_root=str(root),
                  cue_file='cues.jsonl', pipeline=pipeline(tta=True))
    reports = check_dataset(DATASETS.build(
                                dict(type='ConcatDataset', datasets=[
                                         config, dict(
                                             type='RepeatDataset',
                                             dataset=config, times=2)])))
    assert [list(report.faults) for report in reports] == [[5], [5]]


def test_donors_of_sound_are_whole(tmp_path):
    """A clip whose sound is broken lends it to no other."""
    root = Path(make_avsbench(tmp_path, ('v1m', )))
    (root / 'v1m/v1m-val-0_0_5000/audio.wav').write_bytes(b'no sound')
    dataset = build(root, split=None, missing='skip', off_screen=dict(seed=0))
    assert len(dataset) == 10
    for index, lender in ((0, 'v1m-test-0_0_5000'), (9, 'v1m-train-0_0_5000')):
        donors = dataset.get_data_info(index)['off_screen']
        assert [donor['uid'] for donor in donors] == [lender]


def test_a_package_that_is_missing_breaks_no_file(root, monkeypatch):
    def no_package(*args, **kwargs):
        raise ImportError('pip install "mmteso[audio]"')

    monkeypatch.setattr('mmteso.audio.waveform.require', no_package)
    with pytest.raises(ImportError, match='pip install'):
        build(root, missing='skip')


def test_who_waits_for_another_process_says_so(root, monkeypatch):
    warned = []

    def warn(message):
        warned.append(message)
        os.unlink(release)  # the other one is done
        other.wait(60)

    monkeypatch.setattr('mmteso.datasets.data_check.warn', warn)
    monkeypatch.setattr('mmteso.datasets.data_check._PATIENCE', .1)
    dataset = build(root)
    path = _Memory(dataset.data_root)._lock.lock_file
    release = root / 'release'
    release.touch()
    code = ('import os, sys, time, filelock\n'
            'with filelock.FileLock(sys.argv[1]):\n'
            '    print("mine", flush=True)\n'
            '    while os.path.exists(sys.argv[2]): time.sleep(.05)')
    with subprocess.Popen([sys.executable, '-c', code, path, str(release)],
                          stdout=subprocess.PIPE) as other:
        assert other.stdout.readline()
        assert dataset.check_frames().num_read == 15
    assert 'Another process' in warned[0] and path in warned[0]


def test_threads_that_decoded_stay(root, monkeypatch):
    """One that ends while a loader's worker is forked may leave the worker
    OpenCV's lock taken."""
    threads = set()
    load = LoadImageFromFile.transform

    def transform(self, results):
        threads.add(threading.current_thread())
        return load(self, results)

    monkeypatch.setattr(LoadImageFromFile, 'transform', transform)
    assert build(root).check_frames().num_read == 15
    assert threads and threading.main_thread() not in threads
    assert all(thread.is_alive() for thread in threads)
    # a process that is forked has none of them
    context = multiprocessing.get_context('fork')
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_square_in_a_thread, args=(3, sender))
    process.start()
    try:
        assert receiver.poll(60) and receiver.recv() == [9]
    finally:  # nothing waits for one that hangs
        process.kill()
        process.join()


def _square_in_a_thread(number, sender):
    sender.send(map_in_threads(lambda x: x * x, [number], '', ''))
