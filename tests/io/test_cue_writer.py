# Copyright (c) mmteso contributors. All rights reserved.
import os
import subprocess
import sys

import pytest

from mmteso.io import CueFile, CueFileError, CueRecord, CueWriter
from mmteso.io.cue_writer import read_resumable


def record(frame, **kwargs):
    return CueRecord('u', frame, ('dog', ), **kwargs)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / 'made' / 'cues.jsonl')


def test_batches_are_readable_as_soon_as_they_are_written(path):
    with CueWriter(path) as writer:
        writer.write([record(0), record(1)])
        assert list(CueFile(path)) == [('u', 0), ('u', 1)]
        writer.write([])
        writer.write([record(2)])
        assert list(CueFile(path)) == [('u', 0), ('u', 1), ('u', 2)]
        assert writer.done == {('u', i): 'ok' for i in range(3)}


def test_an_existing_file_is_only_touched_on_request(path):
    with CueWriter(path) as writer:
        writer.write([record(0)])
    before = open(path, 'rb').read()
    with pytest.raises(FileExistsError, match='exists already'):
        CueWriter(path)
    assert open(path, 'rb').read() == before
    with CueWriter(path, resume=True) as writer:
        assert writer.done == {('u', 0): 'ok'}
        writer.write([record(1)])
    assert open(path, 'rb').read().startswith(before)
    assert len(CueFile(path)) == 2


def test_resuming_what_does_not_exist_begins(path):
    with CueWriter(path, resume=True) as writer:
        writer.write([record(0)])
    assert len(CueFile(path)) == 1


def test_a_file_cut_anywhere_is_resumed(path):
    """At each of its bytes."""
    records = [record(i, caption='é\n犬' * i) for i in range(3)]
    with CueWriter(path) as writer:
        writer.write(records)
    content = open(path, 'rb').read()
    for cut in range(len(content) + 1):
        with open(path, 'wb') as file:
            file.write(content[:cut])
        whole = content[:cut].count(b'\n')
        unfinished = cut - (content[:cut].rfind(b'\n') + 1)
        if content[cut:cut + 1] == b'\n':  # nothing but the break is missing
            whole, unfinished = whole + 1, 0
        with CueWriter(path, resume=True) as writer:
            assert list(writer.done) == [('u', i) for i in range(whole)], cut
            assert writer.cut_bytes == unfinished, cut
            writer.write(records[whole:])
        assert open(path, 'rb').read() == content, cut


def test_a_long_unfinished_line_is_cut(path):
    os.makedirs(os.path.dirname(path))
    line = record(1, caption='x' * 200_000).to_json().encode()
    with open(path, 'wb') as file:
        file.write(record(0).to_json().encode() + b'\n' + line[:-1])
    assert read_resumable(path) == ([record(0)], len(line) - 1)
    with CueWriter(path, resume=True) as writer:
        assert writer.cut_bytes == len(line) - 1
    assert read_resumable(path) == ([record(0)], 0)


@pytest.mark.parametrize('tail', [b'', b'{', b'{"uid": "', b'\0\0\0', b'  ',
                                  b'{"uid": "u", "fr\0\0', b'{"uid": "\xc3'])
def test_ends_that_a_killed_process_leaves(path, tail):
    with CueWriter(path) as writer:
        writer.write([record(0)])
    before = open(path, 'rb').read()
    with open(path, 'ab') as file:
        file.write(tail)
    with CueWriter(path, resume=True) as writer:
        assert writer.cut_bytes == len(tail)
        assert list(writer.done) == [('u', 0)]
    assert open(path, 'rb').read() == before


def test_a_whole_record_without_line_break_is_kept(path):
    """As an editor may leave it."""
    with CueWriter(path) as writer:
        writer.write([record(0), record(1)])
    content = open(path, 'rb').read()
    with open(path, 'wb') as file:
        file.write(content[:-1])
    with CueWriter(path, resume=True) as writer:
        assert len(writer.done) == 2 and not writer.cut_bytes
        writer.write([record(2)])
    assert open(path, 'rb').read().startswith(content)
    assert len(CueFile(path)) == 3


@pytest.mark.parametrize('content', [
    '{"vid": {"f0": "guitar,man,"}}', 'shopping list:\n- milk\n', 'notes',
    '[1, 2]', '{"uid": "u"}\n'
])
def test_other_files_are_not_touched(path, content):
    os.makedirs(os.path.dirname(path))
    with open(path, 'w') as file:
        file.write(content)
    with pytest.raises(CueFileError, match='no record of a cue file'):
        CueWriter(path, resume=True)
    assert open(path).read() == content


def test_an_empty_file_is_no_obstacle(path):
    os.makedirs(os.path.dirname(path))
    open(path, 'w').close()
    with CueWriter(path) as writer:
        writer.write([record(0)])
    assert len(CueFile(path)) == 1


def test_a_line_broken_in_the_middle_is_an_error(path):
    with CueWriter(path) as writer:
        writer.write([record(0)])
    with open(path, 'ab') as file:
        file.write(b'{"uid": "u"\n' + record(1).to_json().encode() + b'\n')
    before = open(path, 'rb').read()
    with pytest.raises(CueFileError, match='line 2'):
        CueWriter(path, resume=True)
    assert open(path, 'rb').read() == before


def test_frames_are_never_written_twice(path):
    with CueWriter(path) as writer:
        writer.write([record(0)])
        with pytest.raises(CueFileError, match='frame 0 of "u" is written'):
            writer.write([record(1), record(0)])
        with pytest.raises(CueFileError, match='frame 2 of "u" is written'):
            writer.write([record(2), record(2)])
    assert list(CueFile(path)) == [('u', 0)]
    with open(path, 'a') as file:
        file.write(record(0).to_json() + '\n')
    with pytest.raises(CueFileError, match='frame 0 of "u" is given twice'):
        CueWriter(path, resume=True)


def test_failed_frames_are_forgotten_on_request(path):
    with CueWriter(path) as writer:
        writer.write([
            record(0),
            CueRecord('u', 1, (), status='failed', error='no answer')
        ])
    with CueWriter(path, resume=True) as writer:
        assert writer.done['u', 1] == 'failed'
    with CueWriter(path, resume=True, retry_failed=True) as writer:
        assert writer.done == {('u', 0): 'ok'}
        writer.write([record(1)])
    assert [r.status for r in CueFile(path).values()] == ['ok', 'ok']


def leave_to_resume(path):
    """A failed record and half of another; returns the bytes."""
    with CueWriter(path) as writer:
        writer.write([record(0), record(1, status='failed', error='e')])
    with open(path, 'ab') as file:
        file.write(record(2).to_json().encode()[:-5])
    return open(path, 'rb').read()


def test_a_run_that_is_refused_leaves_the_file_as_it_is(path):
    """Whoever resumes it looks at its origins first."""
    before = leave_to_resume(path)
    with pytest.raises(RuntimeError, match='other models'):
        with CueWriter(path, resume=True, retry_failed=True) as writer:
            assert list(writer.done) == [('u', 0)] and writer.cut_bytes
            raise RuntimeError('begun with other models')
    assert open(path, 'rb').read() == before
    # nor does a write that is refused, or an empty one, begin
    with pytest.raises(CueFileError, match='written twice'):
        with CueWriter(path, resume=True, retry_failed=True) as writer:
            writer.write([])
            writer.write([record(0)])
    assert open(path, 'rb').read() == before


@pytest.mark.parametrize('write', [True, False])
def test_a_run_that_begins_settles_what_the_last_one_left(path, write):
    """With its first batch, or at its end if there was nothing to write."""
    leave_to_resume(path)
    expected = [record(0)]
    with CueWriter(path, resume=True, retry_failed=True) as writer:
        if write:
            writer.write([record(2)])
            expected.append(record(2))
            assert read_resumable(path) == (expected, 0)
    assert read_resumable(path) == (expected, 0)


def test_origins_tell_what_wrote_the_records(path):
    with CueWriter(path) as writer:
        writer.write([record(0, captioner='c', prompt_hash='h')])
        writer.write([record(1, captioner='c', prompt_hash='h')])
    with CueWriter(path, resume=True) as writer:
        assert writer.origins == {('c', '', '', '', 'h')}


def test_half_a_surrogate_pair_survives(path):
    odd = record(0, reasoning='\ud83d and \udc36')
    with CueWriter(path) as writer:
        writer.write([odd])
    assert CueFile(path)['u', 0] == odd
    with CueWriter(path, resume=True, retry_failed=True) as writer:
        writer.write([record(1, status='failed', reasoning='\ud83d')])
    with CueWriter(path, resume=True, retry_failed=True):
        pass
    assert CueFile(path)['u', 0] == odd


HOLD = '''
import sys
from mmteso.io import CueWriter
writer = CueWriter(sys.argv[1], resume=True)
print('locked', flush=True)
sys.stdin.read()
'''


def test_a_second_process_is_refused_until_the_first_dies(path):
    other = subprocess.Popen([sys.executable, '-c', HOLD, path],
                             stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE,
                             text=True)
    try:
        # OpenMMLab may log something before
        assert any('locked' in line for line in other.stdout)
        with pytest.raises(CueFileError, match='Another process is writing'):
            CueWriter(path, resume=True)
    finally:
        other.kill()
        other.communicate()
    with CueWriter(path, resume=True) as writer:
        writer.write([record(0)])
