# Copyright (c) mmteso contributors. All rights reserved.
"""NLTK's tagger is one that NLTK trains here on a few sentences, and saves
and loads as its own: NLTK's data is not needed."""
import itertools
import json
import random

import pytest
from chat_server import ChatServer

from mmteso.io import CueRecord, write_cue_file
from mmteso.text_cues import REASONERS, Frame, ModelUnavailableError
from mmteso.text_cues.base import CUT_OFF
from mmteso.text_cues.reasoners import NounParser
from mmteso.text_cues.text_file import TextFileError

FRAMES = [Frame('a', i, f'{i}.png') for i in range(4)]
CAPTIONS = ['A dog and a cat.', 'A man with a guitar.', 'A car.', 'A train.']


def connect(server, **kwargs):
    pytest.importorskip('openai')
    return REASONERS.build(dict(type='OpenAIReasoner', base_url=server.url,
                                model=server.model, concurrency=1,
                                **dict(dict(max_retries=0), **kwargs)))


def reason(reasoner, count=4):
    return reasoner.reason(FRAMES[:count], CAPTIONS[:count])


def test_a_free_answer_then_one_in_the_schema(warned):
    with ChatServer() as server:
        reasoner = connect(server, num_cues=3)
        found = reason(reasoner)
    assert [r.cues for r in found] == [('dog', 'cat'), ('man', 'guitar'),
                                       ('car', ), ('train', )]
    assert found[0].text == 'They may sound.\nAnswer: dog, cat'
    assert not warned and not any(r.error for r in found)
    first, second = server.requests[0], server.requests[4]
    assert 'response_format' not in first
    schema = second['response_format']['json_schema']['schema']
    objects = schema['properties']['sounding_objects']
    assert objects['maxItems'] == 3 and objects['items']['pattern']
    assert schema['additionalProperties'] is False
    assert second['messages'] == first['messages'] + [
        dict(role='assistant', content=found[0].text),
        dict(role='user', content=reasoner.prompt.extraction)]


@pytest.mark.parametrize('schema', ['ignore', 'refuse'])
def test_a_server_without_schema_is_noticed_once(warned, schema):
    with ChatServer(schema=schema) as server:
        reasoner = connect(server)
        assert reason(reasoner)[0].cues == ('dog', 'cat')
        requests = len(server.requests)
        assert [r.cues for r in reason(reasoner)][1:3] == [
            ('man', 'guitar'), ('car', )]
        # no second turns any more
        assert (requests, len(server.requests)) == (8, 12)
    assert len(warned) == 1 and 'JSON schema' in warned[0]


def test_one_bad_answer_is_no_bad_server(warned):
    good = '{"sounding_objects": ["dog"]}'
    script = ['Answer: dog'] * 3 + [good, good[:-5], '{"sounding_objects": 3}']
    with ChatServer(script=script) as server:
        reasoner = connect(server)
        assert [r.cues for r in reason(reasoner, 3)] == [('dog', )] * 3
        reason(reasoner, 1)
        assert 'response_format' in server.requests[-1]
    assert not warned


def test_what_cannot_be_read_has_failed(warned):
    script = ['A dog, I guess', 500, '', 'Answer: dog', None, 500]
    with ChatServer(script=script, schema='ignore') as server:
        found = reason(connect(server))
    assert [r.cues for r in found] == [()] * 4 and all(r.error for r in found)
    assert found[0].text == 'A dog, I guess'
    # the second turn got no answer, so the first one isn't guessed at
    assert '500' in found[3].error and found[3].text == 'Answer: dog'


def test_what_is_cut_has_failed(warned):
    """The free answer; a second one that is cut is no JSON."""
    good = '{"sounding_objects": ["dog"]}'
    script = [dict(content='Answer: dog, ca', finish_reason='length'),
              'Answer: man', 'Answer: car', good,
              dict(content=good[:-4], finish_reason='length')]
    with ChatServer(script=script) as server:
        found = reason(connect(server), 3)
        assert len(server.requests) == 5
    assert [r.cues for r in found] == [(), ('dog', ), ('car', )]
    assert found[0].text == 'Answer: dog, ca'
    assert 'cut off' in found[0].error and 'max_tokens' in found[0].error


def test_names_that_are_none(warned):
    """They keep the schema, but name nothing."""
    script = ['Answer: the', '{"sounding_objects": ["the", "of a"]}']
    with ChatServer(script=script) as server:
        found, = reason(connect(server), 1)
    assert not found.cues and 'names nothing' in found.error
    assert found.text == 'Answer: the' and not warned


def test_thoughts_are_no_answer():
    thought = '<think>Answer: piano</think>'
    script = [f'{thought}\nAnswer: dog', f'{thought}']
    with ChatServer(script=script, schema='ignore') as server:
        found = reason(connect(server), 2)
        # the thoughts aren't shown to the model again either
        shown = server.requests[2]['messages'][-2]['content']
    assert found[0].cues == ('dog', ) and 'piano' in found[0].text
    assert not found[1].cues and found[1].error
    assert 'piano' not in shown


def test_a_wrong_server_shows_before_the_first_batch():
    with ChatServer(key='k') as server:
        with pytest.raises(ModelUnavailableError, match='401'):
            connect(server).prepare(FRAMES)


def test_fixed_answers(tmp_path):
    path = str(tmp_path / 'cues.jsonl')
    texts = ['Answer: dogs, Buses', '{"sounding_objects": ["cat"]}',
             'Answer: ca']
    write_cue_file(path, [
        CueRecord('a', i, (), reasoning=text, reasoner='me', prompt_hash='ab',
                  **dict(status='failed', error=CUT_OFF) if i == 2 else {})
        for i, text in enumerate(texts)
    ])
    reasoner = REASONERS.build(
        dict(type='FixedAnswers', answers_file=path, missing='fail'))
    reasoner.prepare(FRAMES)
    found = reasoner.reason(FRAMES, [''] * 4)
    assert [r.cues for r in found] == [('dog', 'bus'), ('cat', ), (), ()]
    assert [bool(r.error) for r in found] == [False, False, True, True]
    assert [r.text for r in found[:3]] == texts
    assert (reasoner.name, reasoner.prompt_hash) == ('me', 'ab')


@pytest.mark.parametrize(
    'name, content', [
        ('c.csv', 'uid,frame,caption\na,,A clip.\na,1,"One, two."\n'),
        ('c.json', json.dumps([dict(uid='a', caption='A clip.'),
                               dict(uid='a', frame=1, caption='One, two.')])),
        ('c.jsonl', '{"uid": "a", "frame": null, "caption": "A clip."}\n\n'
         '{"uid": "a", "frame": 1, "caption": "One, two."}\n')])
def test_fixed_captions(tmp_path, name, content):
    from mmteso.text_cues import CAPTIONERS, LoadedFrame
    path = tmp_path / name
    path.write_text(content, encoding='utf-8-sig')
    config = dict(type='FixedCaptions', captions_file=str(path))
    with pytest.raises(TextFileError, match='name='):
        CAPTIONERS.build(config)
    captioner = CAPTIONERS.build(dict(config, name='me'))
    assert captioner.reads is None and captioner.name == 'me'
    captioner.prepare(FRAMES)
    found = captioner.caption([LoadedFrame(frame) for frame in FRAMES])
    assert found == ['A clip.', 'One, two.', 'A clip.', 'A clip.']
    with pytest.raises(TextFileError, match='frame 0 of "b"'):
        captioner.prepare([Frame('b', 0, '')])
    path.write_text(content.replace('uid', 'vid'))
    with pytest.raises(TextFileError, match='entry 1'):
        CAPTIONERS.build(config)


def test_labels_of_the_data_set():
    reasoner = REASONERS.build(dict(type='DatasetLabels', num_cues=2))
    labels = [('Dog', 'emergency-car', 'man', 'dog'), ()]
    frames = [Frame('a', i, '', (), own) for i, own in enumerate(labels)]
    found = reasoner.reason(frames, [''] * 2)
    assert [r.cues for r in found] == [('dog', 'emergency car'), ()]
    assert found[0].text == 'Dog, emergency-car, man, dog'
    assert not any(r.error for r in found)
    with pytest.raises(ValueError, match='labels'):
        reasoner.prepare(FRAMES)


TAGGED = '''
The/DT {}/NN shows/VBZ a/DT man/NN playing/VBG a/DT {}/NN ./.
The/DT {}/NN and/CC two/CD {}s/NNS are/VBP near/IN a/DT red/JJ {}/NN ./.
A/DT woman/NN is/VBZ holding/VBG a/DT hair/NN {}/NN ,/, a/DT {}/NN ./.
Two/CD men/NNS are/VBP holding/VBG hair/NN {}s/NNS ./.
A/DT {}/NN ,/, two/CD {}s/NNS ,/, a/DT {}/NN and/CC two/CD {}s/NNS ./.
'''
NOUNS = ('bird', 'bus', 'car', 'dog', 'drum', 'dryer', 'guitar', 'image',
         'photo', 'scene', 'background', 'emergency-car')


@pytest.fixture(scope='module')
def nltk_data(tmp_path_factory):
    """A folder nltk_data as the downloader leaves it."""
    nltk = pytest.importorskip('nltk')
    data = tmp_path_factory.mktemp('nltk') / 'nltk_data'
    data.mkdir()
    nouns = itertools.cycle(NOUNS)
    # often enough for the articles to get into the tagger's dictionary
    sentences = [[tuple(word.replace('{}', next(nouns)).rsplit('/', 1))
                  for word in line.split()] for line in TAGGED.split('\n') * 30
                 if line]
    tagger = nltk.tag.perceptron.PerceptronTagger(load=False)
    state = random.getstate()
    random.seed(0)  # train() shuffles
    tagger.train(sentences, nr_iter=5)
    random.setstate(state)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nltk.data, 'path', [str(data)])
        tagger.save_to_json('eng', str(data / 'taggers' / NounParser.tagger))
    return data


def test_nouns_of_the_caption(nltk_data, monkeypatch):
    import nltk
    monkeypatch.setattr(nltk.data, 'path', [str(nltk_data)])
    caption = ('The image shows a man playing a guitar. Two men are holding '
               'hair dryers. The bus and two Emergency-Cars are near a red '
               'dog.')
    build = REASONERS.build
    nouns, none = build(dict(type='NounParser', num_cues=6)).reason(
        FRAMES[:2], [caption, ''])
    assert nouns.cues == ('man', 'guitar', 'dryer', 'bus', 'emergency car',
                          'dog')
    assert nouns.text == ', '.join(nouns.cues)
    assert none.cues == () and not none.error
    own = build(dict(type='NounParser', scene_words=['guitar']))
    assert own.reason(FRAMES[:1], [caption])[0].cues == (
        'image', 'man', 'dryer', 'bus')


def test_without_the_taggers_data(tmp_path, monkeypatch):
    nltk = pytest.importorskip('nltk')
    monkeypatch.setattr(nltk.data, 'path', [str(tmp_path)])
    with pytest.raises(ModelUnavailableError, match='nltk.downloader'):
        REASONERS.build(dict(type='NounParser')).prepare([])
