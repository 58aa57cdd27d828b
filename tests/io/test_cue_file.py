# Copyright (c) mmteso contributors. All rights reserved.
import dataclasses
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmteso.io import (CueFile, CueFileError, CueRecord, iter_cue_records,
                       write_cue_file)

FULL = dict(
    uid='-0AB_0_5000',
    frame=3,
    cues=['dog', 'emergency car'],
    caption='A dog\nand a car — « loud ».',
    reasoning='The dog could bark.',
    captioner='LLaVA-1.5-7B',
    reasoner='LLaMA-2-7B',
    prompt='few_shot_cot',
    prompt_hash='0f',
    status='ok',
    seconds=1.5,
    caption_prompt_hash='f0',
    error='')


def write_lines(path, *lines):
    path.write_text(
        '\n'.join(
            line if isinstance(line, str) else json.dumps(line)
            for line in lines) + '\n',
        encoding='utf-8')
    return str(path)


def test_record_keeps_the_contracts_keys_in_their_order():
    line = CueRecord.from_json(json.dumps(FULL)).to_json()
    assert '\n' not in line
    assert json.loads(line) == FULL
    assert list(json.loads(line)) == list(FULL)


def test_only_three_keys_are_required():
    record = CueRecord.from_json('{"uid": "u", "frame": 0, "cues": []}')
    assert record == CueRecord('u', 0, ())
    assert (record.caption, record.status, record.seconds) == ('', 'ok', None)


@settings(deadline=None, max_examples=50)
@given(
    st.builds(
        CueRecord,
        uid=st.text(min_size=1),
        frame=st.integers(0, 10**6),
        cues=st.lists(st.text().filter(str.strip)).map(tuple),
        caption=st.text(),
        reasoning=st.text(),
        status=st.sampled_from(['ok', 'failed', 'captioned']),
        seconds=st.none() | st.floats(0, 1e6)))
def test_any_record_survives_a_line(record):
    line = record.to_json()
    assert CueRecord.from_json(line) == record
    # however a file is split into lines, this is one
    assert '\n' not in line and '\r' not in line


@pytest.mark.parametrize('change, message', [
    (dict(uid=''), '"uid" must not be empty'),
    (dict(uid=7), '"uid" must be a string, but got 7'),
    (dict(frame=-1), 'from 0, but got -1'),
    (dict(frame=1.0), 'whole number from 0, but got 1.0'),
    (dict(frame=True), 'but got True'),
    (dict(cues='dog'), "list of strings, but got 'dog'"),
    (dict(cues=['dog', 1]), 'list of strings'),
    (dict(cues=['dog', ' ']), 'empty cue'),
    (dict(status='done'), "'failed'.*but got 'done'"),
    (dict(seconds='1'), "number or null, but got '1'"),
    (dict(caption=None), '"caption" must be a string, but got None'),
    (dict(cue=['dog']), r"unknown \['cue'\]"),
])
def test_a_wrong_field_is_an_error_with_its_line(tmp_path, change, message):
    path = write_lines(tmp_path / 'c.jsonl',
                       dict(uid='v', frame=0, cues=['dog']), '',
                       dict(FULL, **change))
    with pytest.raises(CueFileError, match=f'c.jsonl, line 3: .*{message}'):
        CueFile(path)


@pytest.mark.parametrize('line, message', [
    ('{"uid": "u", "frame": 0}', r"missing \['cues'\]"),
    ('["u", 0]', 'a JSON object is expected'),
    ('{"uid": "u", "fra', 'not a JSON object'),
])
def test_a_wrong_line_is_an_error_with_its_number(tmp_path, line, message):
    path = write_lines(tmp_path / 'c.jsonl', FULL, line)
    with pytest.raises(CueFileError, match=f'c.jsonl, line 2: {message}'):
        list(iter_cue_records(path))


def test_another_encoding_names_the_file(tmp_path):
    path = tmp_path / 'c.jsonl'
    path.write_bytes('{"uid": "u", "frame": 0, "cues": ["bébé"]}\n'.encode(
        'latin-1'))
    for read in (CueFile, lambda path: list(iter_cue_records(path))):
        with pytest.raises(CueFileError, match='c.jsonl: no UTF-8 text'):
            read(str(path))


def test_missing_file_names_the_tool(tmp_path):
    with pytest.raises(
            FileNotFoundError, match='c.jsonl.*prepare_synthavs.py'):
        CueFile(str(tmp_path / 'c.jsonl'))


def test_look_up(tmp_path):
    path = write_lines(tmp_path / 'c.jsonl', FULL,
                       dict(uid='v', frame=0, cues=[], status='failed'))
    cue_file = CueFile(path)
    assert len(cue_file) == 2 and cue_file.num_failed == 1
    assert list(cue_file) == [('-0AB_0_5000', 3), ('v', 0)]
    assert cue_file['-0AB_0_5000', 3] == CueRecord(**FULL)
    assert ('v', 0) in cue_file and ('v', 1) not in cue_file
    with pytest.raises(KeyError) as error:
        cue_file['v', 1]
    for part in ('frame 1', '"v"', path, 'needs a line'):
        assert part in error.value.args[0]
    assert cue_file.get(('v', 1)) is None


def test_cues_only_forgets_the_texts(tmp_path):
    path = write_lines(tmp_path / 'c.jsonl', FULL)
    record = CueFile(path, cues_only=True)['-0AB_0_5000', 3]
    assert record.cues == ('dog', 'emergency car')
    assert record.caption == record.reasoning == record.prompt == ''


@pytest.mark.parametrize('cues_only', [False, True])
@pytest.mark.parametrize(
    'change', [dict(cues=['cat']), dict(caption='Another.')])
def test_duplicates(tmp_path, change, cues_only):
    same = write_lines(tmp_path / 'same.jsonl', FULL, FULL)
    assert len(CueFile(same, cues_only)) == 1
    other = write_lines(tmp_path / 'other.jsonl', FULL, dict(FULL, **change))
    with pytest.raises(
            CueFileError,
            match='line 2: frame 3 of "-0AB_0_5000".*already in line 1'):
        CueFile(other, cues_only)


def test_write_then_read(tmp_path):
    records = [
        CueRecord(**dict(FULL, frame=frame, cues=('hund', '犬')))
        for frame in (2, 0, 1)
    ]
    path = str(tmp_path / 'c.jsonl')
    write_cue_file(path, iter(records))
    assert list(CueFile(path).values()) == records
    first = open(path, 'rb').read()
    assert '犬'.encode() in first and b'\r' not in first
    write_cue_file(path, records)
    assert open(path, 'rb').read() == first
    assert os.listdir(tmp_path) == ['c.jsonl']


def test_interrupted_writing_leaves_the_old_file(tmp_path):
    path = write_lines(tmp_path / 'c.jsonl', FULL)
    record = CueRecord('w', 0, ('dog', ))
    with pytest.raises(CueFileError, match='frame 0 of "w" is written twice'):
        write_cue_file(path, [record, record])
    assert list(CueFile(path)) == [('-0AB_0_5000', 3)]


def test_records_are_immutable():
    record = CueRecord('u', 0, ['dog'])
    assert record.cues == ('dog', )
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.cues = ()
