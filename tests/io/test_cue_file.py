# Copyright (c) mmteso contributors. All rights reserved.
import json

import pytest

from mmteso.io import (CueFile, CueFileError, CueRecord, append_cue_records,
                       iter_cue_records, write_cue_file)

FULL = dict(uid='-0AB_0_5000', frame=3, cues=['dog', 'café'],
            caption='A dog.\n"Two"', reasoning='Answer: dog',
            captioner='llava', reasoner='llama', prompt='few_shot_cot',
            prompt_hash='ab', status='ok', seconds=1.5,
            caption_prompt_hash='cd', error='', version='0.1.0')


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / 'cues.jsonl')


def append(path, *records):
    append_cue_records(path, records)


def test_written_and_read_back(path):
    records = [CueRecord(**FULL), CueRecord('v', 0, ('\ud83d', ))]
    write_cue_file(path, records)
    cue_file = CueFile(path)
    assert list(cue_file.values()) == records
    assert cue_file['-0AB_0_5000', 3].cues == ('dog', 'café')
    assert ('v', 1) not in cue_file and cue_file.get(('v', 1)) is None
    with pytest.raises(KeyError, match='2 frames.* no cues for frame 1 of'):
        cue_file['v', 1]
    assert CueFile(path, cues_only=True)['-0AB_0_5000', 3] == CueRecord(
        '-0AB_0_5000', 3, ('dog', 'café'))
    # appended one by one: the same bytes
    other = path.replace('cues', 'other')
    for record in records:
        append(other, record)
    with open(path, 'rb') as one, open(other, 'rb') as two:
        assert one.read() == two.read()


def test_only_three_keys_are_required(path):
    with open(path, 'w') as file:
        file.write('\n{"cues": ["dog"], "frame": 0, "uid": "a"}')
    assert CueFile(path)['a', 0].cues == ('dog', )
    # a last line that somebody wrote without a line break isn't lost
    append(path, CueRecord('b', 0, ()))
    assert list(CueFile(path)) == [('a', 0), ('b', 0)]


@pytest.mark.parametrize('cut', [1, 5, 30])
def test_a_torn_last_line_is_ignored_and_replaced(path, cut):
    append(path, CueRecord('a', 0, ('dog', )), CueRecord('a', 1, ()))
    with open(path, 'ab') as file:
        file.write(CueRecord('a', 2, ()).to_bytes()[:cut])
    assert list(CueFile(path)) == [('a', 0), ('a', 1)]
    append(path, CueRecord('a', 3, ()))
    assert list(CueFile(path)) == [('a', 0), ('a', 1), ('a', 3)]
    assert [number for number, _ in iter_cue_records(path)] == [1, 2, 3]


def test_no_other_file_is_cut(path):
    content = json.dumps({'vid': {'f0': 'dog'}})
    with open(path, 'w') as file:
        file.write(content)
    with pytest.raises(CueFileError, match='no cue file'):
        append(path)
    assert open(path).read() == content


def test_the_last_record_of_a_frame_counts(tmp_path, path):
    append(path, CueRecord('a', 0, (), status='failed'),
           CueRecord('a', 1, ('cat', )))
    append(path, CueRecord('a', 0, ('dog', )))
    assert CueFile(path)['a', 0].cues == ('dog', )
    # files of several processes have no order
    later = str(tmp_path / 'cues.rank1.jsonl')
    append(later, CueRecord('a', 1, (), status='failed'),
           CueRecord('b', 0, (), status='failed'),
           CueRecord('b', 1, (), status='captioned'))
    for files in ([path, later], [later, path], str(tmp_path / 'cues*.jsonl')):
        cue_file = CueFile(files)
        assert cue_file['a', 1].cues == ('cat', )
        assert len(cue_file) == 4
        assert (cue_file.num_failed, cue_file.num_captioned) == (1, 1)


def test_files_that_are_missing(tmp_path, path):
    with pytest.raises(FileNotFoundError, match='generate_text_cues.py'):
        CueFile(path)
    append(str(tmp_path / 'cues.rank0.jsonl'), CueRecord('a', 0, ()))
    with pytest.raises(FileNotFoundError, match='cat .*rank'):
        CueFile(path)
