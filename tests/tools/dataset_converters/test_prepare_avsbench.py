# Copyright (c) mmteso contributors. All rights reserved.
"""Whole folders: what is found in them, made again, and converted."""
import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from processes import exit_status

from data import make_avsbench, make_avsbench_object, write_wav
from mmteso.audio import read_waveform
from mmteso.datasets import AVSBenchDataset
from mmteso.datasets.avsbench_meta import PUBLISHED_CLIPS
from mmteso.io import load_tensor_pickle
from mmteso.video import write_video


@pytest.fixture
def prepare(capsys, tmp_path):
    """Runs the tool; gives its exit status, its report and what it prints."""

    def run(root, *words, partial=True):
        report = tmp_path / 'report.json'
        report.unlink(missing_ok=True)
        status = exit_status('dataset_converters/prepare_avsbench.py',
                             '--root', root, '--report', report, *words,
                             *['--partial'] * partial)
        found = json.loads(report.read_text()) if report.exists() else None
        return status, found, capsys.readouterr().out

    return run


def contents(root):
    return {path.relative_to(root).as_posix(): path.read_bytes()
            for path in Path(root).rglob('*') if path.is_file()}


def test_a_whole_folder(prepare, tmp_path):
    root = make_avsbench(tmp_path / 'avs', ('v1s', 'v1m'), clips=1)
    status, report, printed = prepare(root)
    assert status == 0 and printed.strip().endswith('good')
    assert 'NOT good' not in printed
    assert report['layout'] == 'semantic' and not report['stray']
    assert [row['clips'] for row in report['counts']] == [1] * 6
    # v1s train has one mask; its other pictures are read all the same
    assert report['num_frames'] == 1 + 5 * 5
    assert report['sounds']['v1s']['rates'] == {'16000': 3}
    assert (tmp_path / 'report.json.txt').read_text() == printed

    # fewer clips than the release has
    status, report, printed = prepare(root, partial=False)
    assert status == 1
    assert [row['published'] for row in report['counts']] == [
        *PUBLISHED_CLIPS['v1s'].values(), *PUBLISHED_CLIPS['v1m'].values()]
    # classes of one's own aren't AVSBench
    own = make_avsbench(tmp_path / 'own', ('v1m', ), ('train', ),
                        class_names=('background', 'a', 'b', 'c'))
    assert prepare(own, partial=False)[0] == 0

    picture = Path(root, 'v1s/v1s-train-0_0_5000/frames/4.jpg')
    picture.write_bytes(b'no image')
    status, report, _ = prepare(root)
    assert status == 1 and str(picture) in report['faults'][0]
    assert prepare(root, '--subsets', 'v1m')[0] == 0


def test_what_is_wrong_is_named(prepare, tmp_path):
    root = Path(make_avsbench(tmp_path / 'avs', ('v1m', ), clips=2))
    clip, other = (root / 'v1m' / f'v1m-train-{i}_0_5000' for i in (0, 1))
    (clip / 'frames/3.jpg').unlink()
    (clip / 'labels_rgb/1.png').write_bytes(b'x')
    Image.new('L', (9, 9)).save(clip / 'labels_semantic/2.png')
    mask = np.array(Image.open(clip / 'labels_semantic/0.png'))
    mask[0, 0] = 99
    Image.fromarray(mask).save(clip / 'labels_semantic/0.png')
    (clip / 'audio.wav').write_bytes(b'no sound')
    write_wav(other / 'audio.wav', 4.5, [440.])
    (other / 'notes.txt').touch()
    (root / 'v1m/unknown/frames').mkdir(parents=True)
    cues = (root / 'cues.jsonl').read_text().splitlines(keepends=True)
    (root / 'cues.jsonl').write_text(''.join(cues[:-1]))

    status, report, printed = prepare(root)
    assert status == 1 and 'NOT good' in printed
    assert {path for _, path, _ in report['missing']} == {
        f'{clip}/frames/3.jpg'}
    faults = '\n'.join(report['faults'])
    for part in ('labels_rgb/1.png can\'t be decoded', '9 x 9, expected the',
                 'audio.wav', 'no cues for frame 4'):
        assert part in faults
    (name, (count, _)), = report['unknown'].items()
    assert name.endswith('frame 0, labels_semantic') and count == 1
    assert report['short'] == {f'v1m/{other.name}/audio.wav': [4.5, 5.0]}
    assert report['stray'] == ['v1m/unknown/', f'v1m/{other.name}/notes.txt']

    # two releases in one folder, and none
    (root / 'cues.jsonl').unlink()
    make_avsbench_object(root, 'ms3')
    status, _, printed = prepare(root)
    assert status == 1 and 'both layouts' in printed
    assert prepare(root, '--layout', 'object')[0] == 0
    assert 'no layout of AVSBench' in prepare(tmp_path)[2]


def test_fix_makes_what_is_missing_and_changes_nothing(prepare, tmp_path):
    root = Path(make_avsbench(tmp_path / 'avs', ('v1m', ), ('train', ),
                              clips=4))
    clips = [root / 'v1m' / f'v1m-train-{i}_0_5000' for i in range(4)]
    sound = np.sin(np.arange(5 * 44100) / 20).astype(np.float32)
    for clip, seconds in zip(clips, (5, 3, 5)):
        (clip / 'audio.wav').unlink()
        write_video(str(clip / 'clip.mp4'),
                    [(i / 5, np.zeros((32, 48, 3), np.uint8))
                     for i in range(5 * seconds)], [sound[:seconds * 44100]])
    write_wav(clips[2] / 'other.wav', 5, [440.])  # which of the two?
    (clips[3] / 'audio.wav').write_bytes(b'no sound')
    write_wav(clips[3] / 'other.wav', 5, [440.])
    masks = [clips[0] / 'labels_semantic/1.png', clips[0] / 'labels_rgb/2.png']
    wanted = [np.array(Image.open(path)) for path in masks]
    for path in masks:
        path.unlink()
    before = contents(root)

    status, report, _ = prepare(root, '--fix')
    assert status == 1  # some could not be made
    after = contents(root)
    after.pop('.mmteso_check.json')
    assert {path: after[path] for path in before} == before
    made = {repair['path'] for repair in report['repairs'] if repair['done']}
    assert made == after.keys() - before.keys() == {
        path.relative_to(root).as_posix()
        for path in (*masks, clips[0] / 'audio.wav')}
    for path, mask in zip(masks, wanted):
        np.testing.assert_array_equal(np.array(Image.open(path)), mask)
    info = soundfile.info(str(clips[0] / 'audio.wav'))
    assert (info.samplerate, info.channels, info.subtype) == (
        16000, 1, 'PCM_16')
    assert abs(info.frames / 16000 - 5) < .1
    why = [repair['what'] for repair in report['repairs']
           if not repair['done']]
    assert 'lasts 3.' in why[0] and 'several files' in why[1]
    assert 'broken' in why[2] and 'other.wav' in why[2]
    # what is broken is removed by hand
    (clips[3] / 'audio.wav').unlink()
    prepare(root, '--fix')
    assert len(read_waveform(str(clips[3] / 'audio.wav'))) == 80000


def test_object_layout_is_completed_and_converted(prepare, tmp_path):
    root = tmp_path / 'object'
    for subset in ('s4', 'ms3'):
        make_avsbench_object(root, subset, clips=2)
    log_mel = root / 'Single-source/s4_data/audio_log_mel/val/dog_barking' \
        '/s4-val-0.pkl'
    log_mel.unlink()
    wav = root / 'Multi-sources/ms3_data/audio_wav/test/ms3-test-1.wav'
    wav.unlink()
    before, out = contents(root), tmp_path / 'semantic'

    status, report, _ = prepare(root, '--fix', '--to-semantic', out)
    assert status == 1
    assert load_tensor_pickle(str(log_mel)).shape == (5, 1, 96, 64)
    assert [path for _, path, _ in report['missing']] == [str(wav)]
    after = contents(root)
    assert {path: after[path] for path in before} == before
    converted = report['converted']
    assert converted['clips'] == 11
    assert list(converted['left_out']) == ['ms3/ms3-test-1']

    status, report, _ = prepare(out)
    assert status == 0 and not report['stray']
    counts = {(row['subset'], row['split']): row['clips']
              for row in report['counts']}
    assert counts['v1s', 'train'] == 2 and counts['v1m', 'test'] == 1
    names = (out / 'classes.txt').read_text().split()
    assert names == ['background', 'dog-barking', 'playing-piano', 'sounding']
    with open(out / 'metadata.csv') as file:
        rows = {row['uid']: row for row in csv.DictReader(file)}
    assert rows['s4-val-1']['a_obj'] == 'playing-piano'
    assert rows['ms3-val-1']['a_obj'] == ''
    for uid, source, label in (('v1s/s4-val-1', 'Single-source/s4_data/'
                                'gt_masks/val/playing_piano/s4-val-1', 2),
                               ('v1m/ms3-val-1', 'Multi-sources/ms3_data/'
                                'gt_masks/val/ms3-val-1', 3)):
        mask = np.array(Image.open(out / uid / 'labels_semantic/1.png'))
        source = root / source / f'{Path(source).name}_2.png'
        truth = np.array(Image.open(source).convert('L'))
        np.testing.assert_array_equal(mask, label * (truth > 0))
    dataset = AVSBenchDataset(
        str(out), ('v1s', 'v1m'), metainfo=dict(classes='classes.txt'),
        mask_source='labels_semantic', pipeline=[])
    assert len(dataset) == 2 + 10
    # never into a folder that holds something
    status, _, printed = prepare(root, '--to-semantic', out)
    assert status == 1 and 'not empty' in printed
