# Copyright (c) mmteso contributors. All rights reserved.
import json

import pytest

from mmteso.io import CueRecord, write_cue_file
from mmteso.text_cues import CAPTIONERS, ChatFailure, Frame, LoadedFrame
from mmteso.text_cues.captioners import CaptionFileError, FixedCaptions

HASH = 'ab' * 32


def frames(*keys):
    return [Frame(uid, frame, 'x.jpg') for uid, frame in keys]


def captions(captioner, *keys):
    return captioner.caption([LoadedFrame(f) for f in frames(*keys)])


def write(path, text, encoding='utf-8'):
    path.write_bytes(text.encode(encoding))
    return str(path)


def record(uid, frame, caption, **kwargs):
    kwargs = dict(
        dict(captioner='llava', caption_prompt_hash=HASH, cues=('dog', )),
        **kwargs)
    return CueRecord(uid=uid, frame=frame, caption=caption, **kwargs)


def test_cue_file(tmp_path):
    """Of a run that had a reasoner; the model's name and prompt go along."""
    path = str(tmp_path / 'cues.jsonl')
    write_cue_file(path, [
        record('a', 0, 'A dog barks.'),
        record('a', 1, 'Zwei Hühner.', cues=(), status='failed', error='x'),
        record('b', 0, '')
    ])
    captioner = CAPTIONERS.build(
        dict(type='FixedCaptions', captions_file=path))
    assert captioner.name == 'llava'
    assert captioner.prompt_hash == HASH
    assert captioner.reads is None
    captioner.prepare(frames(('a', 0), ('a', 1), ('b', 0)))
    # of b the model had nothing to say
    assert captions(captioner, ('a', 1), ('b', 0), ('a', 0)) == [
        'Zwei Hühner.', '', 'A dog barks.'
    ]


def test_frames_of_a_cue_file_that_were_not_captioned(tmp_path):
    path = str(tmp_path / 'cues.jsonl')
    write_cue_file(path, [
        record('a', 0, 'A dog.'),
        record('a', 1, '', status='failed', cues=(), error='broken image'),
        record('a', 2, '', captioner='', caption_prompt_hash='')
    ])
    captioner = FixedCaptions(path)
    captioner.prepare(frames(('a', 0)))
    with pytest.raises(CaptionFileError) as error:
        captioner.prepare(
            frames(('a', 0), ('a', 1), ('a', 2), ('a', 3), ('b', 7)))
    assert ('(1 captions) has none for 4 of the 5 frames: frame 1 of "a", '
            'frame 2 of "a", frame 3 of "a", ...') in str(error.value)
    with pytest.raises(CaptionFileError, match='1 of the 2 frames: frame 1'):
        captions(captioner, ('a', 0), ('a', 1))


ENTRIES = [
    dict(uid='a', frame=0, caption='A "dog", barking.'),
    dict(uid='a', frame=1, caption='犬'),
    dict(uid='b', caption='A car.')
]


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig'])
@pytest.mark.parametrize('name, text', [
    ('x.jsonl', '\n\n'.join(json.dumps(e, ensure_ascii=False)
                            for e in ENTRIES)),
    ('x.json', json.dumps(ENTRIES, ensure_ascii=False)),
    ('X.CSV', 'uid,frame,caption\r\na,0,"A ""dog"", barking."\r\n'
     'a,1,犬\r\nb,,A car.\r\n'),
])
def test_plain_formats(tmp_path, name, text, encoding):
    captioner = FixedCaptions(
        write(tmp_path / name, text, encoding), name='people')
    assert captioner.name == 'people' and captioner.prompt_hash == ''
    assert captions(captioner, ('b', 4), ('a', 0), ('b', 0), ('a', 1)) == [
        'A car.', 'A "dog", barking.', 'A car.', '犬'
    ]
    with pytest.raises(CaptionFileError, match='frame 2 of "a"'):
        captioner.prepare(frames(('a', 1), ('a', 2)))


def test_captions_by_uid(tmp_path):
    path = write(tmp_path / 'x.json', '{"a": "A dog.", "b": "A car."}')
    assert captions(FixedCaptions(path, 'me'), ('b', 3)) == ['A car.']


def test_a_frame_goes_before_its_clip(tmp_path):
    path = write(
        tmp_path / 'x.csv',
        'captioner,uid,frame,caption\nm,a,,clip\nm,a,1,frame\nm,a,1,frame\n')
    captioner = FixedCaptions(path)
    assert captioner.name == 'm'
    assert captions(captioner, ('a', 0), ('a', 1)) == ['clip', 'frame']


def test_several_captioners(tmp_path):
    path = str(tmp_path / 'cues.jsonl')
    write_cue_file(
        path, [record('a', 0, 'x'),
               record('a', 1, 'y', captioner='blip')])
    with pytest.raises(CaptionFileError, match="several .*'blip'.*'llava'"):
        FixedCaptions(path)
    captioner = FixedCaptions(path, name='blip and llava')
    assert captioner.name == 'blip and llava'
    assert captioner.prompt_hash == HASH
    write_cue_file(
        path, [record('a', 0, 'x'),
               record('a', 1, 'y', caption_prompt_hash='')])
    with pytest.raises(CaptionFileError, match='several prompts'):
        FixedCaptions(path)
    # not one prompt's hash for all
    assert FixedCaptions(path, name='llava').prompt_hash == ''


@pytest.mark.parametrize('name, text, message', [
    ('x.jsonl', '{"uid": "a", "caption": "b"}\n{"uid": "a"', 'line 2: '),
    ('x.jsonl', '["a"]', r'line 1: an object .* but got \[\'a\'\]'),
    ('x.jsonl', '{"uid": "a", "text": "b"}', r"got \['uid', 'text'\]"),
    ('x.jsonl', '{"uid": "a", "frame": 0, "cues": "b"}', '"cues" must be a'),
    ('x.jsonl', '{"uid": "a", "caption": " "}', '"caption" must not be em'),
    ('x.jsonl', '{"uid": "", "caption": "b"}', '"uid" must not be empty'),
    ('x.jsonl', '{"uid": "a", "caption": 3}', '"caption" must be a string'),
    ('x.jsonl', '{"uid": "a", "frame": "f0", "caption": "b"}',
     'whole number .* got \'f0\''),
    ('x.jsonl', '{"uid": "a", "frame": -1, "caption": "b"}', 'got -1'),
    ('x.jsonl', '{"uid": "a", "frame": true, "caption": "b"}', 'got True'),
    ('x.jsonl', '{"uid": "a", "caption": "b"}', 'does not say who wrote'),
    ('x.jsonl', '{"uid": "a", "caption": "b"}\n{"uid": "a", "caption": "c"}',
     'line 2: "a" was given another caption already, at 1'),
    ('x.jsonl', '', 'holds no caption'),
    ('x.json', '{"uid": "a"}\n{"uid": "b"}', 'one per line, name it'),
    ('x.json', '"a"', "but got 'a'"),
    ('x.json', '{"a": ["b"]}', 'entry 1: "caption" must be a string'),
    ('x.json', '[{"uid": "a", "caption": "b"}, 3]', 'entry 2: an object'),
    ('x.csv', 'uid,frame,caption\na,0,b\na,0\n', 'line 3: more or fewer'),
    ('x.csv', 'uid,caption\na,b,c\n', 'line 2: more or fewer'),
    ('x.csv', 'uid,frame,caption\na,x,b\n', "line 2: .*got 'x'"),
    ('x.csv', 'uid,caption\na,"b\n', 'unexpected end of data'),
    ('x.csv', 'vid,text\na,b\n', r"got \['vid', 'text'\]"),
    ('x.txt', 'a', "ends in one of .* got '.*x.txt'"),
])
def test_broken_files(tmp_path, name, text, message):
    path = write(tmp_path / name, text)
    with pytest.raises(CaptionFileError, match=message) as error:
        FixedCaptions(path)
    assert path in str(error.value)


@pytest.mark.parametrize('ending', ['jsonl', 'json', 'csv'])
def test_other_encodings_and_missing_files(tmp_path, ending):
    path = str(tmp_path / f'x.{ending}')
    with pytest.raises(FileNotFoundError, match='x.* does not exist'):
        FixedCaptions(path)
    text = '{"a": "\xfc"}' if ending != 'csv' else 'uid,caption\na,\xfc\n'
    with pytest.raises(CaptionFileError, match='not UTF-8'):
        FixedCaptions(write(tmp_path / f'x.{ending}', text, 'latin-1'))


def test_frames_without_caption_may_fail_alone(tmp_path):
    path = write(
        tmp_path / 'x.jsonl',
        '{"uid": "a", "frame": 1, "caption": "A dog.", "captioner": "c"}')
    keys = ('a', 0), ('a', 1)
    captioner = FixedCaptions(path, missing='fail')
    captioner.prepare(frames(*keys))
    lacking, caption = captions(captioner, *keys)
    assert isinstance(lacking, ChatFailure) and path in lacking.error
    assert caption == 'A dog.'
    with pytest.raises(CaptionFileError, match="frame 0 of .*missing='fail'"):
        captions(FixedCaptions(path), *keys)
    with pytest.raises(ValueError, match="'error' or 'fail'"):
        FixedCaptions(path, missing='skip')
