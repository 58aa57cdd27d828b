# Copyright (c) mmteso contributors. All rights reserved.
"""From raw videos to a data set that configs train on."""
import csv
import json
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from mmengine.config import Config
from narrow import CONFIGS, KEEP_ALL, narrow_config
from PIL import Image
from processes import call_tool, exit_status

from mmteso.datasets import AVSBenchDataset, AVSBenchObjectDataset
from mmteso.datasets.folders import DataFolder, check_folder
from mmteso.io import CueRecord, write_cue_file
from mmteso.video import write_video

RATE = 44100


def tone(seconds, hertz=440):
    time = np.arange(round(seconds * RATE)) / RATE
    return (.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def make_video(path, seconds=5., fps=8, sound=True, times=None, hertz=440):
    """A grey picture that grows brighter by 10 a second."""
    if times is None:
        times = np.arange(round(seconds * fps)) / fps
    write_video(
        str(path),
        [(t, np.full((32, 48, 3), 40 + 10 * int(t), np.uint8)) for t in times],
        np.array_split(tone(seconds, hertz), 5) if sound else None, RATE)
    return str(path)


@pytest.fixture
def convert(capsys):
    """Runs the tool; gives its exit status and the line of each video."""

    def run(*words):
        status = exit_status('dataset_converters/videos_to_avsbench.py',
                             *words)
        return status, [json.loads(line) for line in
                        capsys.readouterr().out.splitlines()]

    return run


def rows_of(path):
    with open(path, newline='') as file:
        return list(csv.DictReader(file))


def test_clips_of_a_long_video(convert, tmp_path):
    video = make_video(tmp_path / 'a b.mp4', 12)
    out = tmp_path / 'mine'
    status, (line, ) = convert(video, '--out', out, '--classes', 'dog', 'tram',
                               '--seconds', '5', '--split', 'val')
    assert status == 0 and not line['problems']
    assert line['clips'] == ['a-b_0_5000', 'a-b_5000_10000', 'a-b_10000_12000']
    assert (out / 'classes.txt').read_text() == 'background\ndog\ntram\n'
    rows = rows_of(out / 'metadata.csv')
    assert [(row['uid'], row['s_sec'], row['split'], row['label'])
            for row in rows][1:] == [('a-b_5000_10000', '5', 'val', 'clips'),
                                     ('a-b_10000_12000', '10', 'val', 'clips')]
    for row, first, count in zip(rows, (0, 5, 10), (5, 5, 2)):
        clip = out / 'clips' / row['uid']
        for frame in range(count):  # taken at 15/16 of its second
            image = np.array(Image.open(clip / f'frames/{frame}.jpg'))
            assert image.shape == (32, 48, 3)
            assert abs(image.mean() - 40 - 10 * (first + frame)) < 3
        assert not list((clip / 'labels_semantic').iterdir())
        info = soundfile.info(str(clip / 'audio.wav'))
        assert (info.frames, info.samplerate, info.channels, info.subtype) == (
            count * 16000, 16000, 1, 'PCM_16')
    dataset = AVSBenchDataset(
        str(out), 'clips', split='val', with_masks=False, pipeline=[],
        metainfo=dict(classes='classes.txt'))
    assert len(dataset) == 12
    report = check_folder(DataFolder(str(out), with_masks=False))
    assert report.is_good and report.num_frames == 12 and not report.stray


def test_again_and_beside_others(convert, tmp_path):
    """The same bytes; others are added; nothing is overwritten."""
    first, second = (make_video(tmp_path / f'{name}.mp4', 2, hertz=hertz)
                     for name, hertz in (('a', 440), ('b', 880)))
    one, two = tmp_path / 'one', tmp_path / 'two'
    convert(first, second, '--out', one)
    convert(first, '--out', two)
    mask = two / 'clips/a_0_2000/labels_semantic/0.png'
    mask.write_bytes(b'work of hours')
    status, lines = convert(first, second, '--out', two)
    assert status == 0 and lines[0]['there'] == ['a_0_2000']
    assert lines[1]['clips'] == ['b_0_2000']
    assert mask.read_bytes() == b'work of hours'
    mask.unlink()
    files = [path.relative_to(one) for path in one.rglob('*.*')]
    assert len(files) == 7
    for file in files:
        if (one / file).is_file():
            assert (one / file).read_bytes() == (two / file).read_bytes()
    # another video of the same name
    (tmp_path / 'other').mkdir()
    other = make_video(tmp_path / 'other/a.mp4', 2, hertz=220)
    status, (line, ) = convert(other, '--out', two)
    assert status == 1 and 'another video of this name' in line['error']
    for words in (['dog'], ['cat']):  # other classes
        status, _ = convert(first, '--out', two, '--classes', *words)
    assert status == 2


def test_odd_files_do_not_stop_the_rest(convert, tmp_path):
    broken = tmp_path / 'broken.mp4'
    broken.write_bytes(b'no video')
    silent = make_video(tmp_path / 'silent.mp4', 2, sound=False)
    uneven = make_video(tmp_path / 'uneven.mp4', 4,
                        times=[0, .1, .2, 1.7, 1.8, 3.2, 3.9])
    phone = tmp_path / 'phone.mp4'
    with av.open(str(phone), 'w') as container:
        stream = container.add_stream('libx264', rate=2)
        stream.height, stream.width, stream.pix_fmt = 48, 32, 'yuv420p'
        stream.set_display_rotation(90)
        for _ in range(4):
            frame = av.VideoFrame.from_ndarray(
                np.zeros((48, 32, 3), np.uint8), format='rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    out = tmp_path / 'mine'
    videos = broken, tmp_path / 'none.mp4', silent, uneven
    status, lines = convert(*videos, '--out', out)
    assert status == 1
    assert [line['status'] for line in lines] == ['failed'] * 3 + ['ok']
    assert 'has no sound. allow_silent (--allow-silent)' in lines[2]['error']
    # which is no option of this command
    assert 'audio' not in lines[2]['error']
    frames = sorted((out / 'clips').glob('uneven*/frames/*'))
    values = [np.array(Image.open(path)).mean() for path in frames]
    # what a player shows at 15/16 of each second
    np.testing.assert_allclose(values, [40, 50, 50, 70], atol=3)
    assert [row['vid'] for row in rows_of(out / 'metadata.csv')] == ['uneven']
    assert not (out / '.partial').exists()

    status, lines = convert(silent, phone, '--out', out, '--allow-silent')
    assert status == 0
    wav, _ = soundfile.read(out / 'clips/silent_0_2000/audio.wav')
    assert len(wav) == 32000 and not wav.any()
    image = Image.open(out / 'clips/phone_0_2000/frames/0.jpg')
    assert image.size == (48, 32)  # upright: stored 32 wide


def test_labels_and_the_object_layout(convert, tmp_path):
    videos = [make_video(tmp_path / f'{name}.mp4', 6) for name in 'ab']
    labels = tmp_path / 'labels.csv'
    labels.write_text('video,a_obj,split\na.mp4,dog,train\nb,tram_dog,test\n')
    out = tmp_path / 'semantic'
    assert convert(*videos, '--out', out, '--labels', labels)[0] == 0
    assert (out / 'classes.txt').read_text() == 'background\ndog\ntram\n'
    assert [(row['a_obj'], row['split'])
            for row in rows_of(out / 'metadata.csv')] == [
                ('dog', 'train'), ('tram_dog', 'test')]

    out = tmp_path / 'object'
    status, lines = convert(*videos, '--out', out, '--layout', 'object')
    assert status == 0 and lines[0]['clips'] == ['a_0_5000']
    assert lines[0]['left_out'] == 1  # each clip has five seconds
    status, lines = convert(*videos, '--out', out, '--layout', 'object',
                            '--labels', labels)
    assert status == 0
    for subset, split, count in (('ms3', 'train', 10), ('s4', 'train', 5),
                                 ('s4', 'test', 5)):
        dataset = AVSBenchObjectDataset(
            str(out), subset, split, with_masks=False, pipeline=[])
        assert len(dataset) == count
    report = check_folder(DataFolder(str(out), with_masks=False), partial=True)
    assert report.is_good and not report.stray
    # a video without a line
    status, lines = convert(make_video(tmp_path / 'c.mp4', 1), '--out',
                            tmp_path / 'semantic', '--labels', labels)
    assert status == 1 and 'no line' in lines[0]['error']


CONFIG = '''
_base_ = {base!r}

data_root = {root!r}
class_set = dict(
    data_root=data_root,
    subsets='clips',
    mask_source='labels_semantic',
    metainfo=dict(
        classes={classes}, palette=[[0, 0, 0], [220, 20, 60], [0, 90, 200]]))
train_dataloader = dict(dataset=class_set)
val_dataloader = dict(dataset=class_set)
test_dataloader = dict(dataset=class_set)
'''


def test_own_set_trains_and_is_predicted(convert, tmp_path, capsys):
    """docs/own_data.md: videos, masks, ten iterations; then clips without
    masks, by tools/test.py and tools/infer.py."""
    out = tmp_path / 'mine'
    for split, names in (('train', 'abc'), ('val', 'd'), ('test', 'e')):
        videos = [make_video(tmp_path / f'{name}.mp4', 2) for name in names]
        convert(*videos, '--out', out, '--classes', 'dog', 'fire-engine',
                '--split', split)
    rows = rows_of(out / 'metadata.csv')
    for row in rows:
        if row['split'] == 'test':
            continue
        for frame in range(2):  # masks are put in by hand
            mask = np.zeros((32, 48), np.uint8)
            mask[:, :24], mask[:, 24:] = 1, 2 * frame
            Image.fromarray(mask).save(
                out / f'clips/{row["uid"]}/labels_semantic/{frame}.png')
    write_cue_file(str(out / 'cues.jsonl'),
                   [CueRecord(row['uid'], frame, ['dog', 'man'])
                    for row in rows for frame in range(2)])
    path = tmp_path / 'mine.py'
    path.write_text(
        CONFIG.format(base=str(CONFIGS / 'teso/teso_swin-b_v1m.py'),
                      root=str(out),
                      classes=['background', 'dog', 'fire-engine']))
    config = narrow_config(
        Config.fromfile(path), out, tmp_path / 'work', frames=2, epochs=10)
    config.train_cfg.val_interval = 10
    config.default_hooks.checkpoint.update(interval=10, save_best=None)
    config.model.prompt_encoder.dynamic_mask.threshold = KEEP_ALL
    config.dump(path)
    from mmengine.runner import Runner
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.iter == 10
    dataset = runner.train_dataloader.dataset
    assert dataset.metainfo['classes'] == ('background', 'sounding')
    assert dataset.class_names == ('background', 'dog', 'fire-engine')

    checkpoint, = (tmp_path / 'work').glob('epoch_10.pth')
    call_tool('test.py', path, checkpoint, '--out', tmp_path / 'masks',
              '--cfg-options', 'test_dataloader.dataset.with_masks=False')
    assert len(list((tmp_path / 'masks').rglob('e_0_2000/*.png'))) == 2
    capsys.readouterr()
    clip = Path(out, 'clips/e_0_2000')
    call_tool('infer.py', clip / 'frames', '--audio', clip / 'audio.wav',
              '--config', path, '--checkpoint', checkpoint, '--cues', 'dog',
              'man', '--save', 'masks', '--out', tmp_path / 'infer')
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line['status'] == 'ok' and line['frames'] == 2
    assert len(list((tmp_path / 'infer/frames/masks').glob('*.png'))) == 2
