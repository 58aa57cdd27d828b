# Copyright (c) mmteso contributors. All rights reserved.
import json

import pytest

from mmteso.io import (CueRecord, VidClip, VidJsonError, export_vid_json,
                       import_vid_json, read_vid_json, write_vid_json)


def write(tmp_path, values):
    path = tmp_path / 'cues.json'
    path.write_text(values if isinstance(values, str) else json.dumps(values),
                    encoding='utf-8')
    return str(path)


def clips(**vids):
    return {uid: VidClip(vid, 2, 2) for uid, vid in vids.items()}


def test_cues_are_cleaned(tmp_path):
    table, counts = read_vid_json(
        write(tmp_path, dict(
                  v=dict(f0='guitar,man,', f1='guitar,man',
                         f2=' emergency car , Man,man,None,None', f3='',
                         f4='None,none, NONE ,,'),
                  w=dict(f10='Emergency-Car,emergency car,犬,none of these'),
                  x={})))
    assert table == dict(
        v={
            0: ('guitar', 'man'),
            1: ('guitar', 'man'),
            2: ('emergency car', 'Man'),
            3: (),
            4: ()
        },
        w={10: ('Emergency-Car', '犬', 'none of these')},
        x={})
    assert counts == {'None': 5, 'repeated': 2, 'spaces': 2}


@pytest.mark.parametrize('values, message', [
    ('{"v": {"f0": "do', 'no JSON file'),
    ('{"v": {"f0": "dog", "f0": ""}}', 'f0 occurs twice'),
    ([], 'it holds'),
    (dict(v=['dog']), '"v" holds'),
    (dict(v=dict(f00='dog')), '"v" holds'),
    (dict(v=dict(f0=['dog'])), '"v" holds'),
])
def test_other_formats(tmp_path, values, message):
    with pytest.raises(VidJsonError, match=f'cues.json.*{message}'):
        read_vid_json(write(tmp_path, values))


def test_collisions_are_named():
    table = {f'v{i:02}': {0: ('dog', ), 1: ()} for i in range(12)}
    wanted = clips(alone='v00', **{f'{letter}{i}': f'v{i:02}'
                                   for i in range(1, 12) for letter in 'ab'})
    with pytest.raises(VidJsonError) as error:
        import_vid_json(table, wanted)
    lines = str(error.value).splitlines()
    assert ': 11 (--skip-colliding' in lines[0]
    assert lines[1] == '  "v01": a1, b1' and lines[11] == '  ... and 1 more'
    found = import_vid_json(table, wanted, skip=['colliding'])
    assert {record.uid for record in found.records} == {'alone'}
    # clips that share a video that the file lacks don't collide
    del table['v01']
    found = import_vid_json(table, wanted, skip=['colliding', 'missing'])
    assert len(found.left_out['colliding']) == 10
    assert found.left_out['missing'] == ['"a1"', '"b1"']


def test_export_and_back(tmp_path):
    records = [CueRecord('b', 10, ('犬', )),
               CueRecord('b', 9, (' emergency car ', 'man')),
               CueRecord('b', 2, (), status='failed'),
               CueRecord('b', 3, (), status='captioned'),
               CueRecord('a', 0, ())]
    made = export_vid_json(records, dict(b='v', a='u', c='u'))
    assert made.unserved == 2
    assert made.left_out == dict(colliding=[], unknown=[])
    path = str(tmp_path / 'cues.json')
    write_vid_json(path, made.table)
    with open(path, encoding='ascii') as file:
        values = json.load(file)
    # a comma follows the last cue, too: the authors' reader appends padding
    # before it takes the text apart
    assert values == dict(
        u=dict(f0=''),
        v=dict(f2='', f3='', f9='emergency car,man,', f10='\u72ac,'))
    assert [list(values), list(values['v'])] == [['u', 'v'],
                                                 ['f2', 'f3', 'f9', 'f10']]
    table, counts = read_vid_json(path)
    assert table == made.table and not any(counts.values())
    wanted = dict(a=VidClip('u', 12, 0), b=VidClip('v', 12, 0))
    assert [(record.uid, record.frame, record.cues)
            for record in import_vid_json(table, wanted).records] == [
        ('a', 0, ()), ('b', 2, ()), ('b', 3, ()),
        ('b', 9, ('emergency car', 'man')), ('b', 10, ('犬', ))]


@pytest.mark.parametrize('cue', ['dog, man', 'None', ' none', '--'])
def test_cues_that_the_format_can_not_hold(cue):
    with pytest.raises(VidJsonError, match=f'"{cue.strip()}", frame 4 of "a"'):
        export_vid_json([CueRecord('a', 4, ('dog', cue))], dict(a='v'),
                        ['colliding', 'unknown'])
