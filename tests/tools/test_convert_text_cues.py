# Copyright (c) mmteso contributors. All rights reserved.
"""What a user sees; the work is tested in tests/io."""
import functools
import json

import pytest
from processes import call_tool, refusal

from mmteso.io import CueFile, CueRecord, write_cue_file

main, refused = (functools.partial(run, 'convert_text_cues.py')
                 for run in (call_tool, refusal))
METADATA = '''vid,uid,s_min,s_sec,a_obj,split,label
one,one_0_5000,0,0,dog,train,v1s
two,two,0,0,dog_man,test,v1m
two,two_0_10000,0,0,dog,train,v2
six,six_0_10000,0,0,dog,train,v2
six,six_5000_15000,0,5,dog,test,v2
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'metadata.csv').write_text(METADATA, encoding='utf-8')
    return tmp_path


def write_json(**frames):
    """All of the given number of frames, by vid."""
    with open('text.json', 'w') as file:
        json.dump({vid: {f'f{i}': f'dog {i},None' for i in range(count)}
                   for vid, count in frames.items()}, file)


WORDS = ['text.json', '--metadata', 'metadata.csv', '--out', 'cues.jsonl']


def test_import(here, capsys):
    # v1s train has one labelled frame
    write_json(one=1, two=5)
    main('import', *WORDS, '--subsets', 'v1s', 'v1m')
    output = capsys.readouterr().out
    assert 'cues.jsonl: 6 frames; 2 of 2 clips have cues' in output
    assert 'cleaned: 6 times the word None, 0 repeated cues, 0 cues' in output
    assert 'left out' not in output
    assert CueFile('cues.jsonl')['two', 4] == CueRecord(
        'two', 4, ('dog 4', ), reasoner='imported')

    # all subsets: "two" is a clip of v1m and one of v2
    message = refused('import', *WORDS, '--overwrite')
    assert '"two": two, two_0_10000' in message and '"six' in message
    main('import', *WORDS, '--overwrite', '--skip-colliding',
         '--skip-missing')
    output = capsys.readouterr().out
    assert 'left out, videos that several clips share: 1' in output
    assert 'without cues, clips or frames: 2' in output
    assert list(CueFile('cues.jsonl')) == [('one_0_5000', 0)]


def test_import_of_one_split(here, capsys):
    write_json(six=10, two=5, one=5, strange=1)
    words = ['import', *WORDS, '--subsets', 'v2', '--split', 'test']
    message = refused(*words)
    assert message.splitlines()[1:] == ['  "strange"']
    main(*words, '--skip-unknown')
    output = capsys.readouterr().out
    assert {uid for uid, _ in CueFile('cues.jsonl')} == {'six_5000_15000'}
    assert 'left out, videos or frames not in the metadata: 1' in output
    assert 'not asked for, videos of other subsets or splits: 2' in output
    # other frames than AVSBench's
    write_json(six=3)
    message = refused(*words, '--overwrite')
    assert 'frame 3 of "six_5000_15000"' in message
    main(*words, '--overwrite', '--frames', '3')
    assert len(CueFile('cues.jsonl')) == 3


def test_import_refuses(here):
    write_json(one=1)
    message = refused('import', 'no.json', *WORDS[1:])
    assert 'no.json' in message
    message = refused('import', *WORDS, '--subsets', 'v1m', '--split',
                      'val')
    assert 'no clip of the split val in v1m' in message
    (here / 'metadata.csv').write_text('uid,a_obj,split,label\na,dog,val,v2\n')
    assert 'no "vid"' in refused('import', *WORDS)
    assert '--frames must be at least 1' in refused(
        'import', *WORDS, '--frames', '0')


def test_import_of_another_class_set(here):
    (here / 'classes.txt').write_text('background\nsolid-disc\nstriped-disc')
    (here / 'metadata.csv').write_text(
        'vid,uid,s_min,s_sec,a_obj,split,label\n'
        'new,new_0_5000,0,0,solid-disc,test_unseen,v2\n'
        'old,old_0_5000,0,0,striped-disc,test,v2\n')
    write_json(new=10)
    main('import', *WORDS, '--class-set', 'classes.txt', '--split',
         'test_unseen')
    assert {uid for uid, _ in CueFile('cues.jsonl')} == {'new_0_5000'}


def test_export_and_back(here, capsys):
    records = [CueRecord(uid, frame, (f'dog {frame}', 'man'),
                         reasoner='imported')
               for uid, count in (('one_0_5000', 5), ('two', 5))
               for frame in range(count)]
    write_cue_file('cues.jsonl', records)
    words = ['--metadata', 'metadata.csv']
    main('export', 'cues.jsonl', *words, '--out', 'text.json')
    assert 'text.json: 2 videos, 10 frames\n' == capsys.readouterr().out
    main('import', 'text.json', *words, '--subsets', 'v1s', 'v1m', '--out',
         'back.jsonl')
    assert list(CueFile('back.jsonl').values()) == records

    main('export', 'cues.jsonl', *words, '--out', 'v1m.json', '--subsets',
         'v1m')
    assert 'frames of other subsets or splits: 5' in capsys.readouterr().out
    assert list(json.loads((here / 'v1m.json').read_text())) == ['two']

    records += [CueRecord('two_0_10000', 0, ()), CueRecord('strange', 0, ()),
                CueRecord('one_0_5000', 5, (), status='failed')]
    write_cue_file('cues.jsonl', records)
    words = ['export', 'cues.jsonl', *words, '--out', 'text.json',
             '--overwrite']
    message = refused(*words)
    assert '"two": two, two_0_10000' in message and '"strange"' in message
    main(*words, '--skip-colliding', '--skip-unknown')
    output = capsys.readouterr().out
    assert 'text.json: 1 video, 6 frames' in output
    for words in ('left out, videos of several clips: 1',
                  'left out, clips not in the metadata: 1',
                  'failed or have a caption only: 1'):
        assert words in output
