# Copyright (c) mmteso contributors. All rights reserved.
"""The tool as users start it; its parts are tested in tests/text_cues."""
import contextlib
import functools
import signal
import subprocess
import sys
import time

import msgspec
import pytest
from instant_models import write_frames
from processes import ROOT, call_tool, environment, refusal

from data import make_avsbench
from mmteso.io import CueFile, CueRecord, iter_cue_records
from mmteso.text_cues import FolderFrames

TOOL = str(ROOT / 'tools' / 'generate_text_cues.py')
TESTS = str(ROOT / 'tests')


@pytest.fixture
def folder(tmp_path):
    return write_frames(tmp_path / 'frames', 6, 5)


@pytest.fixture
def config(tmp_path):
    def write(frames, delay=0., log=None, **fields):
        path = tmp_path / 'config.py'
        path.write_text(
            f'''
custom_imports = dict(imports=['instant_models'])
frames = {frames!r}
captioner = dict(type='ColourCaptioner', delay={delay}, log={log!r})
reasoner = dict(type='EchoReasoner')
generator = dict(batch_size=2)
''' + ''.join(f'{key} = {value!r}\n' for key, value in fields.items()),
            encoding='utf-8')
        return str(path)

    return write


run, stops = (functools.partial(call, 'generate_text_cues.py')
              for call in (call_tool, refusal))


def timeless(path):
    """The records of a cue file without the time that they took."""
    return [msgspec.structs.replace(record, seconds=None)
            for _, record in iter_cue_records(path)]


@contextlib.contextmanager
def start(output, *arguments, **variables):
    """The tool as a process of its own, which writes into a file."""
    process_environment = environment(**variables)
    process_environment['PYTHONPATH'] += f':{TESTS}'
    with open(output, 'w') as file, subprocess.Popen(
            [sys.executable, TOOL, *map(str, arguments)], cwd=ROOT,
            env=process_environment, stdout=file,
            stderr=subprocess.STDOUT) as process:
        try:
            yield process
        finally:
            process.kill()


def count_lines(path):
    return path.read_bytes().count(b'\n') if path.exists() else 0


@pytest.mark.dist
def test_killed_twice_and_resumed(folder, config, tmp_path):
    """Nothing is lost but the batch in flight, nothing done twice."""
    frames = FolderFrames(str(folder)).list_frames()
    log = tmp_path / 'log.txt'
    path = config(
        dict(type='FolderFrames', root=str(folder)), delay=0.3, log=str(log))
    out, said = tmp_path / 'cues.jsonl', tmp_path / 'output.txt'
    seen = b''
    for lines in (6, 16):
        with start(said, path, '--out', out, '--resume') as process:
            end = time.monotonic() + 300
            while count_lines(out) < lines:
                assert process.poll() is None and time.monotonic() < end, \
                    said.read_text()
                time.sleep(0.01)
        assert process.returncode == -signal.SIGKILL
        # what was there stays as it was, and everything is readable
        content = out.read_bytes()
        assert content.startswith(seen) and content.endswith(b'\n')
        assert lines <= count_lines(out) < len(frames)
        seen = content
    # as if it had been killed within a write
    with open(out, 'ab') as file:
        file.write(CueRecord('clip5', 4, ()).to_json().encode()[:40])
    with start(said, path, '--out', out, '--resume') as process:
        process.wait(300)
    output = said.read_text()
    assert process.returncode == 0, output
    there = seen.count(b'\n')
    assert f'{len(frames) - there} frames served' in output
    assert f'{there} were there already' in output
    assert out.read_bytes().startswith(seen)

    # at most a batch of 2 frames was done again after each kill
    assert count_lines(log) - len(frames) <= 2 * 2

    # the same as a run that nobody killed
    whole = tmp_path / 'whole.jsonl'
    run(config(dict(type='FolderFrames', root=str(folder))), '--out', whole)
    assert timeless(out) == timeless(whole)
    assert [(r.uid, r.frame) for r in timeless(out)
            ] == [frame.key for frame in frames]


def test_folder_in_place_of_the_data_set(folder, config, capsys):
    path = config(dict(type='DatasetFrames', dataset=dict(type='nothing')))
    run(path, '--frames', folder, '--limit', 7)
    cue_file = CueFile(folder / 'cues.jsonl')
    assert len(cue_file) == 7
    assert cue_file['clip1', 1].cues == ('11', )
    assert '7 frames served' in capsys.readouterr().out


def test_data_set_options(config, tmp_path):
    root = tmp_path / 'avsbench'
    make_avsbench(root)
    path = config(
        dict(type='DatasetFrames', dataset=dict(
                 type='AVSBenchDataset', data_root='nowhere',
                 subsets=('v1s', 'v1m', 'v2'), split=None, with_masks=False)),
        cue_file='nowhere/cues_test.jsonl')
    run(path, '--data-root', root, '--subset', 'v1m', 'v2', '--split', 'test')
    cue_file = CueFile(root / 'cues_test.jsonl')
    clips = {row.split(',')[1]
             for row in (root / 'metadata.csv').read_text().splitlines()
             if row.split(',')[5] == 'test'
             and row.split(',')[6] in ('v1m', 'v2')}
    assert {uid for uid, _ in cue_file} == clips and clips
    run(path, '--data-root', root, '--out',
        tmp_path / 'other.jsonl', '--cfg-options', 'generator.batch_size=64')
    assert len(CueFile(tmp_path / 'other.jsonl')) > len(cue_file)


def test_several_processes(folder, config, tmp_path, monkeypatch, capsys):
    """Each with its file; their number may change between runs."""
    path = config(dict(type='FolderFrames', root=str(folder)),
                  cue_file=str(tmp_path / 'cues.jsonl'))
    monkeypatch.setenv('WORLD_SIZE', '3')
    for rank in '01':
        monkeypatch.setenv('RANK', rank)
        run(path)
    files = sorted(tmp_path.glob('cues.rank*.jsonl'))
    assert [len(CueFile(file)) for file in files] == [10, 10]
    assert 'exists already' in stops(path)
    monkeypatch.setenv('WORLD_SIZE', '2')
    for rank in '01':
        monkeypatch.setenv('RANK', rank)
        run(path, '--resume')
    frames = {f.key for f in FolderFrames(str(folder)).list_frames()}
    whole = CueFile(str(tmp_path / 'cues.rank*.jsonl'))
    assert set(whole) == frames
    assert sum(map(count_lines, tmp_path.glob('cues.rank*'))) == len(frames)
    for _, record in iter_cue_records(files[0]):
        assert record.cues == (record.caption, )
    # and by one process: nothing is left
    monkeypatch.setenv('WORLD_SIZE', '1')
    run(path, '--resume')
    assert '30 were there already' in capsys.readouterr().out
    assert not (tmp_path / 'cues.jsonl').exists()
    # what other models made isn't gone on with
    other = config(dict(type='FolderFrames', root=str(folder)),
                   cue_file=str(tmp_path / 'cues.jsonl'), reasoner=None)
    assert 'other models' in stops(other, '--resume')


def test_captions_move_with_the_data(config, tmp_path):
    root = tmp_path / 'avsbench'
    make_avsbench(root)
    dataset = dict(type='AVSBenchDataset', data_root='nowhere', subsets='v1m')
    frames = dict(type='DatasetFrames', dataset=dataset)
    run(config(frames, reasoner=None, cue_file='nowhere/captions.jsonl'),
        '--data-root', root)
    captioner = dict(
        type='FixedCaptions', captions_file='nowhere/captions.jsonl')
    run(config(frames, captioner=captioner, cue_file='nowhere/new.jsonl'),
        '--data-root', root)
    captions = CueFile(root / 'captions.jsonl')
    cue_file = CueFile(root / 'new.jsonl')
    assert len(cue_file) == len(captions) > 0
    assert all(cue_file[key].caption == captions[key].caption
               for key in captions)


def test_mistakes_end_with_a_message(folder, config, tmp_path):
    frames = dict(type='FolderFrames', root=str(folder))
    path = config(frames)
    assert 'names no cue_file' in stops(path)
    assert 'no data set' in stops(path, '--split', 'test')
    out = tmp_path / 'cues.jsonl'
    run(path, '--out', out)
    assert '--resume' in stops(path, '--out', out)
    assert 'does not exist' in stops(path, '--frames', tmp_path / 'none')
    assert 'is it one of' in stops(ROOT / 'configs/teso/teso_r18_synthavs.py')
    for field, message in ((dict(type='EchoReasoner', fial=1), 'fial'),
                           (dict(type='EkoReasoner'), 'EkoReasoner'),
                           (dict(type='TransformersReasoner', model='m',
                                 prompt='few_shot_cto'), 'few_shot_cot')):
        other = tmp_path / 'other.jsonl'
        assert message in stops(config(frames, reasoner=field), '--out', other)
        assert not other.exists()  # which would be in the way
    assert 'goes with --resume' in stops(path, '--retry-failed')
    assert 'leave out' in stops(path, '--frames', 'x', '--split', 'val')


def test_a_run_in_which_all_frames_fail_is_no_success(folder, config,
                                                      tmp_path):
    for image in folder.rglob('*.png'):
        image.write_bytes(b'no image')
    path = config(dict(type='FolderFrames', root=str(folder)))
    out = tmp_path / 'cues.jsonl'
    assert 'All frames failed' in stops(path, '--out', out)
    assert CueFile(out).num_failed == 30


def test_failed_frames_are_tried_again(folder, config, tmp_path):
    frames = dict(type='FolderFrames', root=str(folder))
    out = tmp_path / 'cues.jsonl'
    failing = dict(type='EchoReasoner', fail=[('clip2', 3)])
    run(config(frames, reasoner=failing), '--out', out)
    assert CueFile(out).num_failed == 1
    path = config(frames)
    run(path, '--out', out, '--resume')
    assert CueFile(out).num_failed == 1
    run(path, '--out', out, '--resume', '--retry-failed')
    assert CueFile(out).num_failed == 0
    assert CueFile(out)['clip2', 3].cues == ('23', )
    assert len(CueFile(out)) == 30
