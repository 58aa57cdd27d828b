# Copyright (c) mmteso contributors. All rights reserved.
"""What a user sees; the work is tested in tests/io."""
import json
import re
import runpy
import sys

import pytest
from processes import ROOT, run

from data import make_avsbench
from mmteso.io import CueFile, CueRecord, CueWriter, write_cue_file

TOOL = ROOT / 'tools' / 'merge_text_cues.py'
METADATA = '''vid,uid,s_min,s_sec,a_obj,split,label
one,one_0_5000,0,0,dog,train,v1s
two,two,0,0,dog_man,test,v1m
two,two_0_10000,0,0,dog,train,v2
six,six_0_10000,0,0,dog,train,v2
six,six_5000_15000,0,5,dog,test,v2
'''


@pytest.fixture(scope='module')
def main():
    return runpy.run_path(str(TOOL), run_name='merge_text_cues')['main']


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'metadata.csv').write_text(METADATA, encoding='utf-8')
    return tmp_path


def refusal(main, *words):
    """The message that the tool leaves with."""
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    assert isinstance(stop.value.code, str)
    return stop.value.code


def cells(output):
    """The cells of the table's rows, the header included."""
    return [[cell.strip() for cell in line.strip('|').split('|')]
            for line in output.splitlines() if line.startswith('|')]


def write_shards(*counts):
    for index, count in enumerate(counts):
        write_cue_file(
            f'cues.shard-{index}-of-{len(counts)}.jsonl',
            [CueRecord(f'clip {index}', i, ('dog', ) * i)
             for i in range(count)])


@pytest.mark.parametrize('words', [[], ['merge']])
def test_merge(main, here, capsys, words):
    write_shards(2, 3)
    shards = ['cues.shard-1-of-2.jsonl', 'cues.shard-0-of-2.jsonl']
    main([*words, *shards, '--out', 'deep/cues.jsonl'])
    output = capsys.readouterr().out
    assert cells(output) == [
        ['file', 'frames', 'clips', 'failed', 'caption only', 'without cues',
         'cues a frame', 'distinct cues'],
        [shards[0], '3', '1', '0', '0', '1', '1.00', '1'],
        [shards[1], '2', '1', '0', '0', '1', '0.50', '1'],
        ['deep/cues.jsonl', '5', '2', '0', '0', '2', '0.80', '1'],
    ]
    assert '0 equal records and 0 conflicting records left out' in output
    assert list(CueFile('deep/cues.jsonl')) == [
        ('clip 0', 0), ('clip 0', 1), ('clip 1', 0), ('clip 1', 1),
        ('clip 1', 2)]
    message = refusal(main, *words, *shards, '--out', 'deep/cues.jsonl')
    assert 'exists already; --overwrite' in message
    main([*words, *shards, '--out', 'deep/cues.jsonl', '--overwrite'])


def test_merge_refuses(main, here):
    write_shards(1, 1, 1)
    names = [f'cues.shard-{i}-of-3.jsonl' for i in range(3)]
    message = refusal(main, *names[:2], '--out', 'cues.jsonl')
    assert names[2] in message and '--allow-partial' in message
    main([*names[:2], '--out', 'cues.jsonl', '--allow-partial'])

    message = refusal(main, *names, '--out', names[0], '--overwrite')
    assert 'also an input' in message
    assert 'no.jsonl' in refusal(main, 'no.jsonl', '--out', 'x')

    with open(names[0], 'a') as file:
        file.write('{"uid": "clip')
    message = refusal(main, *names, '--out', 'x')
    assert '--resume' in message
    CueWriter(names[0], resume=True).close()

    write_cue_file(names[1], [CueRecord('clip 0', 0, ('man', ))])
    message = refusal(main, *names, '--out', 'x')
    assert 'frame 0 of "clip 0"' in message and '--on-conflict' in message
    main([*names, '--out', 'x', '--on-conflict', 'last'])
    assert CueFile('x')['clip 0', 0].cues == ('man', )

    write_cue_file(names[1], [CueRecord('clip 1', 0, (), reasoner='other')])
    assert '--allow-mixed' in refusal(main, *names, '--out', 'y')
    main([*names, '--out', 'y', '--allow-mixed'])
    # nothing half done is left
    assert not list(here.glob('*.partial'))


def write_json(**frames):
    """All of the given number of frames, by vid."""
    with open('text.json', 'w') as file:
        json.dump({
            vid: {f'f{i}': f'dog {i},None' for i in range(count)}
            for vid, count in frames.items()
        }, file)


WORDS = ['text.json', '--metadata', 'metadata.csv', '--out', 'cues.jsonl']


def test_import(main, here, capsys):
    # v1s train has one labelled frame
    write_json(one=1, two=5)
    main(['import', *WORDS, '--subsets', 'v1s', 'v1m'])
    output = capsys.readouterr().out
    assert cells(output)[1] == ['cues.jsonl', '6', '2', '0', '0', '0', '1.00',
                                '5']
    assert 'cleaned: 6 times the word None, 0 repeated cues, 0 cues' in output
    assert '2 of 2 clips have cues' in output
    assert 'left out' not in output
    assert CueFile('cues.jsonl')['two', 4] == CueRecord(
        'two', 4, ('dog 4', ), reasoner='imported')

    # all subsets: "two" is a clip of v1m and one of v2
    message = refusal(main, 'import', *WORDS, '--overwrite')
    assert '"two": two, two_0_10000' in message and '"six' in message
    main(['import', *WORDS, '--overwrite', '--skip-colliding',
          '--skip-missing'])
    output = capsys.readouterr().out
    assert 'left out, videos that several clips share: 1' in output
    assert 'without cues, clips or frames: 2' in output
    assert list(CueFile('cues.jsonl')) == [('one_0_5000', 0)]


def test_import_of_one_split(main, here, capsys):
    write_json(six=10, two=5, one=5, strange=1)
    words = ['import', *WORDS, '--subsets', 'v2', '--split', 'test']
    message = refusal(main, *words)
    assert message.splitlines()[1:] == ['  "strange"']
    main([*words, '--skip-unknown'])
    output = capsys.readouterr().out
    assert {uid for uid, _ in CueFile('cues.jsonl')} == {'six_5000_15000'}
    assert 'left out, videos or frames not in the metadata: 1' in output
    assert 'not asked for, videos of other subsets or splits: 2' in output
    # other frames than AVSBench's
    write_json(six=3)
    message = refusal(main, *words, '--overwrite')
    assert 'frame 3 of "six_5000_15000"' in message
    main([*words, '--overwrite', '--frames', '3'])
    assert len(CueFile('cues.jsonl')) == 3


def test_import_refuses(main, here, capsys):
    write_json(one=1)
    message = refusal(main, 'import', 'no.json', *WORDS[1:])
    assert 'no.json' in message
    message = refusal(main, 'import', *WORDS, '--subsets', 'v1m', '--split',
                      'val')
    assert 'no clip of the split val in v1m' in message
    (here / 'metadata.csv').write_text('uid,a_obj,split,label\na,dog,val,v2\n')
    assert 'no "vid"' in refusal(main, 'import', *WORDS)
    with pytest.raises(SystemExit):
        main(['import', *WORDS, '--frames', '0'])
    assert '--frames must be at least 1' in capsys.readouterr().err


def test_import_of_another_class_set(main, here):
    (here / 'classes.txt').write_text('background\nsolid-disc\nstriped-disc')
    (here / 'metadata.csv').write_text(
        'vid,uid,s_min,s_sec,a_obj,split,label\n'
        'new,new_0_5000,0,0,solid-disc,test_unseen,v2\n'
        'old,old_0_5000,0,0,striped-disc,test,v2\n')
    write_json(new=10)
    main(['import', *WORDS, '--class-set', 'classes.txt', '--split',
          'test_unseen'])
    assert {uid for uid, _ in CueFile('cues.jsonl')} == {'new_0_5000'}


def test_export_and_back(main, here, capsys):
    records = [
        CueRecord(uid, frame, (f'dog {frame}', 'man'), reasoner='imported')
        for uid, count in (('one_0_5000', 5), ('two', 5))
        for frame in range(count)
    ]
    write_cue_file('cues.jsonl', records)
    words = ['--metadata', 'metadata.csv']
    main(['export', 'cues.jsonl', *words, '--out', 'text.json'])
    assert 'text.json: 2 videos, 10 frames\n' == capsys.readouterr().out
    main(['import', 'text.json', *words, '--subsets', 'v1s', 'v1m', '--out',
          'back.jsonl'])
    assert list(CueFile('back.jsonl').values()) == records

    main(['export', 'cues.jsonl', *words, '--out', 'v1m.json', '--subsets',
          'v1m'])
    assert 'frames of other subsets or splits: 5' in capsys.readouterr().out
    assert list(json.loads((here / 'v1m.json').read_text())) == ['two']

    records += [CueRecord('two_0_10000', 0, ()), CueRecord('strange', 0, ()),
                CueRecord('one_0_5000', 5, (), status='failed')]
    write_cue_file('cues.jsonl', records)
    words = ['export', 'cues.jsonl', *words, '--out', 'text.json',
             '--overwrite']
    message = refusal(main, *words)
    assert '"two": two, two_0_10000' in message and '"strange"' in message
    main([*words, '--skip-colliding', '--skip-unknown'])
    output = capsys.readouterr().out
    assert 'text.json: 1 video, 6 frames' in output
    for words in ('left out, videos of several clips: 1',
                  'left out, clips not in the metadata: 1',
                  'failed or have a caption only: 1'):
        assert words in output


def test_the_test_sets_cues_survive(main, tmp_path, capsys):
    """Of a data set in AVSBench's layout; cues repeat a class there."""
    root = make_avsbench(tmp_path / 'data')
    words = ['--metadata', f'{root}/metadata.csv', '--out']
    path, back = str(tmp_path / 'text.json'), str(tmp_path / 'back.jsonl')
    main(['export', f'{root}/cues.jsonl', *words, path])
    main(['import', path, *words, back])
    assert {key: r.cues for key, r in CueFile(back).items()
            } == {key: r.cues
                  for key, r in CueFile(f'{root}/cues.jsonl').items()}


@pytest.mark.slow
def test_command_line(here):
    """As a process; no traceback, no usage for a wrong file."""
    result = run([sys.executable, '-W', 'ignore', TOOL, here / 'no.jsonl',
                  '--out', here / 'x'], check=False)
    assert result.returncode == 1
    assert re.search('The cue file ".*no.jsonl" does not exist',
                     result.stderr)
    assert 'Traceback' not in result.stderr and 'usage' not in result.stderr


@pytest.mark.parametrize('words', [['--help'], ['merge', '--help'],
                                   ['import', '--help'],
                                   ['export', '--help']])
def test_help(main, words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 0
    output = capsys.readouterr().out
    assert ('--out' in output) and ('examples' in output or words[1:])
