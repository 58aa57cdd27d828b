# Copyright (c) mmteso contributors. All rights reserved.
"""With a tagger that NLTK trains here on a few sentences, and saves and
loads as its own: NLTK's data is not needed."""
import itertools
import random
import shutil
import sys

import pytest

from mmteso.text_cues import REASONERS, Frame, ModelUnavailableError
from mmteso.text_cues.parsing.noun_phrases import singular
from mmteso.text_cues.reasoners import NounParser
from mmteso.text_cues.reasoners.noun_parser import SCENE_WORDS, TAGGER

nltk = pytest.importorskip('nltk')
pytest.importorskip('inflect')

TAGGED = '''
The/DT {}/NN shows/VBZ a/DT man/NN playing/VBG a/DT {}/NN ./.
The/DT {}/NN and/CC two/CD {}s/NNS are/VBP near/IN a/DT red/JJ {}/NN ./.
A/DT woman/NN is/VBZ holding/VBG a/DT hair/NN {}/NN ,/, a/DT {}/NN ./.
Two/CD men/NNS are/VBP holding/VBG hair/NN {}s/NNS ./.
There/EX are/VBP {}s/NNS and/CC {}s/NNS in/IN the/DT large/JJ {}/NN ./.
A/DT group/NN of/IN people/NNS is/VBZ listening/VBG to/TO the/DT {}s/NNS ./.
The/DT man/NN 's/POS {}/NN is/VBZ loud/JJ and/CC it/PRP is/VBZ red/JJ ./.
It/PRP is/VBZ a/DT {}/NN (/( left/NN )/) in/IN the/DT {}/NN !/.
The/DT {}/NN is/VBZ ``/`` loud/JJ ''/'' ./.
*/* */* The/DT {}/NN */* */* is/VBZ red/JJ ./.
-/: a/DT {}/NN
It/PRP is/VBZ very/RB red/JJ ./.
A/DT {}/NN ,/, two/CD {}s/NNS ,/, a/DT {}/NN and/CC two/CD {}s/NNS ./.
'''
NOUNS = ('bird', 'bus', 'car', 'dog', 'drum', 'dryer', 'guitar', 'image',
         'photo', 'scene', 'background', 'emergency-car')


@pytest.fixture(scope='session')
def nltk_data(tmp_path_factory):
    """A folder nltk_data as the downloader leaves it."""
    from nltk.tag.perceptron import PerceptronTagger
    data = tmp_path_factory.mktemp('nltk') / 'nltk_data'
    data.mkdir()
    nouns = itertools.cycle(NOUNS)
    # often enough for the articles to get into the tagger's dictionary
    sentences = [[
        tuple(word.replace('{}', next(nouns)).rsplit('/', 1))
        for word in line.split()
    ] for line in TAGGED.split('\n') * 11 if line]
    tagger = PerceptronTagger(load=False)
    state = random.getstate()
    random.seed(0)  # train() shuffles
    tagger.train(sentences, nr_iter=5)
    random.setstate(state)
    assert tagger.accuracy(sentences) == 1
    paths = nltk.data.path[:]
    nltk.data.path[:] = [str(data)]  # NLTK writes nowhere else
    try:
        tagger.save_to_json('eng', str(data / 'taggers' / TAGGER))
    finally:
        nltk.data.path[:] = paths
    return data


@pytest.fixture
def with_data(nltk_data, monkeypatch):
    monkeypatch.setattr(nltk.data, 'path', [str(nltk_data)])


def reason(reasoner, *captions):
    frames = [Frame('a', i, 'x.jpg') for i in range(len(captions))]
    reasoner.prepare(frames)
    return reasoner.reason(frames, captions)


CAPTIONS = [
    ('The image shows a man playing a guitar.', 'man, guitar',
     'man, guitar'),
    # plural, compounds, a clitic, a word twice
    ("Two men are holding hair dryers. The man's drum is large.",
     'man, dryer, drum', 'man, hair dryer, drum'),
    ('A group of people is listening to the birds (left) in the background.',
     'person, bird', 'person, bird'),
    # bus is no plural of "bu"
    ('There are a bus and a emergency-car!', 'bus, emergency car',
     'bus, emergency car'),
    # capitals and the order of first mention
    ('A Car and two dogs. The DOG, a guitar and a car.', 'car, dog, guitar',
     'car, dog, guitar'),
    # as language models write
    ('**The drum** is "loud".\n\n- a dog\n- a guitar', 'drum, dog, guitar',
     'drum, dog, guitar'),
    ('The photo shows the scene in the background.', '', ''),
    ('It is very red.', '', ''),
    ('', '', ''),
    (' \n', '', ''),
    ('!', '', ''),
]


@pytest.mark.parametrize('caption, nouns, phrases', CAPTIONS)
def test_nouns(with_data, caption, nouns, phrases):
    for reasoner, expected in ((NounParser(), nouns),
                               (NounParser(phrases=True), phrases)):
        found, = reason(reasoner, caption)
        assert ', '.join(found.cues) == expected
        assert not found.failed


def test_batch_and_number_of_cues(with_data):
    reasoner = REASONERS.build(dict(type='NounParser', num_cues=2))
    first, second = reason(
        reasoner, 'A man, two dogs, a car, a drum and a bus.', 'A dog.')
    assert first.cues == ('man', 'dog')
    # all of them stay to be read
    assert first.text == 'man, dog, car, drum, bus'
    assert second.cues == ('dog', )
    assert reasoner.needs_caption and reasoner.prompt_hash == ''


def test_the_same_answers_without_prepare(with_data):
    found, = NounParser().reason([Frame('a', 0, 'x.jpg')], ['A dog.'])
    assert found.cues == ('dog', )


def test_grammar(with_data):
    reasoner = NounParser(phrases=True, grammar='NP: {<JJ>*<NN.*>+}')
    found, = reason(reasoner, 'A red car near a large hair dryer.')
    assert found.cues == ('red car', 'large hair dryer')


def test_scene_words(with_data):
    caption = 'The image shows a man, two dogs in the background.'
    found, = reason(NounParser(scene_words=['Dog']), caption)
    assert found.cues == ('image', 'man', 'background')
    assert len(set(SCENE_WORDS)) == len(SCENE_WORDS)
    # as the nouns are that they are compared with
    assert [singular(word) for word in SCENE_WORDS] == list(SCENE_WORDS)


def test_words_that_are_none(with_data, monkeypatch):
    """Whatever the tagger takes for a noun."""
    words = ['***', 'a.b', '3d', "'dog'", 'x_', '%', '-', 'héron', 'two-door']
    reasoner = NounParser(num_cues=9)
    monkeypatch.setattr(reasoner._words, 'tokenize', lambda text: words)
    monkeypatch.setattr(reasoner._tagger, 'tag',
                        lambda words: [(word, 'NNP') for word in words])
    monkeypatch.setattr(reasoner, '_chunker', NounParser(
        grammar='NP: {<NN.*>}')._chunker)
    found, = reason(reasoner, 'x')
    assert found.cues == ('dog', 'héron', 'two door')


def test_name(with_data):
    assert NounParser().name == f'nltk {nltk.__version__} {TAGGER}'
    # so that no run goes on with another kind of cue
    assert NounParser(phrases=True).name == f'{NounParser().name} phrases'


def test_without_data(tmp_path, monkeypatch):
    monkeypatch.setattr(nltk.data, 'path', [str(tmp_path)])
    reasoner = NounParser()
    command = f'`python -m nltk.downloader {TAGGER}`'
    with pytest.raises(ModelUnavailableError) as error:
        reasoner.prepare([])
    assert command in str(error.value) and str(tmp_path) in str(error.value)
    with pytest.raises(ModelUnavailableError, match='NLTK_DATA'):
        reasoner.reason([Frame('a', 0, 'x.jpg')], ['A dog.'])


@pytest.mark.parametrize('harm', [
    lambda path: path.unlink(), lambda path: path.write_text('{"a": '),
    lambda path: path.write_bytes(b'\xff\xfe')
])
def test_broken_data(nltk_data, tmp_path, monkeypatch, harm):
    data = shutil.copytree(nltk_data, tmp_path / 'nltk_data')
    harm(data / 'taggers' / TAGGER / f'{TAGGER}.tagdict.json')
    monkeypatch.setattr(nltk.data, 'path', [str(data)])
    with pytest.raises(
            ModelUnavailableError, match=f'cannot be read.*--force {TAGGER}'):
        NounParser().prepare([])


@pytest.mark.parametrize('kwargs, error, message', [
    (dict(num_cues=0), ValueError, 'num_cues must be at least 1'),
    (dict(grammar='VP: {<V.*>}'), ValueError, 'must be called NP'),
    (dict(grammar='NP: <NN'), ValueError, 'Illegal chunk pattern'),
    (dict(scene_words='image'), TypeError, 'sequence of nouns'),
])
def test_arguments(kwargs, error, message):
    with pytest.raises(error, match=message):
        NounParser(**kwargs)


@pytest.mark.parametrize('package', ['nltk', 'inflect'])
def test_without_packages(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"pip install 'mmteso\[text\]'"):
        NounParser()
