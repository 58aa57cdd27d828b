# Copyright (c) mmteso contributors. All rights reserved.
import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmteso.io import (CueFile, CueFileError, CueRecord, CueWriter,
                       merge_cue_files, missing_frames, missing_shards,
                       summarize_cues, write_cue_file)

RUN = dict(
    captioner='LLaVA',
    caption_prompt_hash='c0',
    reasoner='LLaMA',
    prompt='few_shot_cot',
    prompt_hash='f0')


def record(uid, frame=0, cues=('dog', ), **fields):
    return CueRecord(uid, frame, cues, **{**RUN, **fields})


def write(path, *records):
    """A shard; unlike write_cue_file it takes anything."""
    path.write_text(
        ''.join(f'{r.to_json()}\n' for r in records), encoding='utf-8')
    return str(path)


@pytest.fixture
def shards(tmp_path):
    """Two shards, of which the first one's last frame is the second's."""
    served = [record(uid, frame) for uid in 'ba' for frame in (10, 9, 0)]
    return (write(tmp_path / 'x.jsonl', *served[:4]),
            write(tmp_path / 'y.jsonl', *served[3:]))


def test_records_are_sorted_whatever_the_order_of_the_files(shards):
    merged = merge_cue_files(shards)
    assert [(r.uid, r.frame) for r in merged.records] == [
        ('a', 0), ('a', 9), ('a', 10), ('b', 0), ('b', 9), ('b', 10)]
    assert merge_cue_files(shards[::-1]).records == merged.records
    assert merged.repeated == 1 and merged.decided == 0
    assert [merged.summaries[path].frames for path in shards] == [4, 3]


@settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.tuples(st.sampled_from('abc'), st.integers(0, 12)),
        st.lists(st.sampled_from(['dog', 'man', 'car']), max_size=3),
        max_size=20), st.randoms())
def test_any_sharding_gives_the_same(tmp_path, frames, draw):
    records = [record(*key, tuple(cues)) for key, cues in frames.items()]
    whole = write(tmp_path / 'whole', *records)
    parts = [[], [], []]
    for item in records:
        for part in draw.sample(parts, draw.randint(1, 3)):
            part.append(dataclasses.replace(item, seconds=draw.random()))
    paths = [write(tmp_path / str(i), *part) for i, part in enumerate(parts)]
    merged = merge_cue_files(paths)
    assert [dataclasses.replace(r, seconds=None) for r in merged.records
            ] == list(merge_cue_files([whole]).records)
    assert merged.repeated == sum(map(len, parts)) - len(records)


def test_seconds_are_no_content(tmp_path):
    path = write(tmp_path / 'x', record('a', seconds=1.), record(
        'a', seconds=2.))
    merged = merge_cue_files([path])
    assert merged.records == (record('a', seconds=1.), )
    assert merged.repeated == 1


def test_conflicts_are_named(tmp_path):
    paths = [
        write(tmp_path / name,
              *[record('a', frame, (name, )) for frame in range(12)])
        for name in ('x', 'y')
    ]
    with pytest.raises(CueFileError) as error:
        merge_cue_files(paths)
    message = str(error.value)
    assert message.startswith('Frames given several times, with other '
                              'content: 12 (--on-conflict')
    assert f'frame 0 of "a": {paths[0]}, line 1, and {paths[1]}, line 1' in (
        message)
    assert message.count('frame ') == 10 and '... and 2 more' in message
    for on_conflict, cue in [('first', 'x'), ('last', 'y')]:
        merged = merge_cue_files(paths, on_conflict)
        assert {r.cues for r in merged.records} == {(cue, )}
        assert merged.decided == 12
    with pytest.raises(CueFileError, match='content: 12'):
        merge_cue_files(paths, 'ok')
    with pytest.raises(ValueError, match="'best'"):
        merge_cue_files(paths, 'best')


FAILED = record('a', cues=(), status='failed', error='timed out')
CAPTIONED = record('a', cues=(), status='captioned', caption='A dog.')


@pytest.mark.parametrize('records, kept', [
    ((FAILED, record('a')), 1),
    ((record('a'), FAILED), 0),
    ((FAILED, CAPTIONED, record('a'), FAILED), 2),
    ((CAPTIONED, FAILED), 0),
    ((FAILED, dataclasses.replace(FAILED, error='broken')), 0),
])
def test_ok_takes_the_served_one(tmp_path, records, kept):
    path = write(tmp_path / 'x', *records)
    assert merge_cue_files([path], 'ok').records == (records[kept], )
    with pytest.raises(CueFileError, match='Frames given'):
        merge_cue_files([path])


@pytest.mark.parametrize('field', RUN)
def test_other_runs_are_refused(tmp_path, field):
    paths = [write(tmp_path / 'x', record('a'), record('b')),
             write(tmp_path / 'y', record('c'),
                   record('d', **{field: 'other'}))]
    with pytest.raises(CueFileError) as error:
        merge_cue_files(paths)
    assert str(error.value).splitlines() == [
        'The records come from different models or prompts (--allow-mixed '
        'takes them)',
        f'  {field}: "{RUN[field]}" ({paths[0]}, line 1); "other" '
        f'({paths[1]}, line 2)'
    ]
    assert len(merge_cue_files(paths, allow_mixed=True).records) == 4


def test_the_same_file_twice(shards, tmp_path):
    link = tmp_path / 'link'
    link.symlink_to(shards[0])
    for paths in ([shards[0]] * 2, [shards[0], str(link)]):
        with pytest.raises(CueFileError, match='is given 2 times'):
            merge_cue_files(paths)


@pytest.mark.parametrize('lost', [1, 5, 40])
def test_what_a_killed_process_left(shards, lost):
    """Also in the middle of a character."""
    path = shards[1]
    line = record('z', caption='犬' * 20).to_json().encode()
    with open(path, 'ab') as file:
        file.write(line[:-lost])
    with pytest.raises(CueFileError, match='was killed.*with --resume'):
        merge_cue_files(shards)
    # and the cure works
    CueWriter(path, resume=True).close()
    assert len(merge_cue_files(shards).records) == 6


def test_a_last_line_without_its_end_is_whole(shards):
    with open(shards[0], 'rb+') as file:
        file.seek(-1, 2)
        file.truncate()
    assert len(merge_cue_files(shards).records) == 6


def test_other_broken_files(shards, tmp_path):
    with pytest.raises(FileNotFoundError, match='no.jsonl'):
        merge_cue_files([str(tmp_path / 'no.jsonl')])
    broken = tmp_path / 'broken'
    broken.write_bytes(b'{"uid"\n' + record('a').to_json().encode() + b'\n')
    with pytest.raises(CueFileError, match='broken, line 1'):
        merge_cue_files([str(broken)])
    broken.write_bytes(b'{"uid": "\xff"}\n')
    with pytest.raises(CueFileError, match='no UTF-8'):
        merge_cue_files([str(broken)])
    empty = write(tmp_path / 'empty')
    assert merge_cue_files([empty]).records == ()


def test_a_file_that_is_being_written(tmp_path):
    path = str(tmp_path / 'x.jsonl')
    with CueWriter(path) as writer:
        writer.write([record('a')])
        with pytest.raises(CueFileError, match='being written'):
            merge_cue_files([path])
    assert len(merge_cue_files([path]).records) == 1
    with CueWriter(path, resume=True):
        pass  # nothing was left locked


def test_summary():
    records = [
        record('a', 0, ('Emergency-Car', 'man')),
        record('a', 1, ('emergency car', )),
        record('b', 0, ()), CAPTIONED, FAILED
    ]
    summary = summarize_cues(iter(records))
    assert dataclasses.asdict(summary) == dict(
        frames=5,
        clips=2,
        failed=1,
        captioned=1,
        empty=1,
        mean_cues=1.,
        distinct_cues=2)
    assert summarize_cues([]).mean_cues == 0


def test_missing_frames(tmp_path, shards):
    expected = [('a', 9), ('a', 1), ('c', 0), ('b', 0)]
    assert missing_frames(
        merge_cue_files(shards).records, expected) == [('a', 1), ('c', 0)]
    path = str(tmp_path / 'whole')
    write_cue_file(path, [record('a', 9)])
    assert missing_frames(CueFile(path).values(), expected[:1]) == []


def test_missing_shards():
    def name(index, count, stem='d.x/cues'):
        return f'{stem}.shard-{index}-of-{count}.jsonl'

    assert missing_shards([name(0, 2), 'other.jsonl', name(1, 2)]) == []
    assert missing_shards([name(2, 4), name(0, 4), name(0, 2)]) == [
        name(1, 2), name(1, 4), name(3, 4)]
    assert missing_shards([name(0, 2), name(1, 2, 'y')]) == [
        name(1, 2), name(0, 2, 'y')]
