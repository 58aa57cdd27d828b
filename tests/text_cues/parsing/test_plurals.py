# Copyright (c) mmteso contributors. All rights reserved.
import pytest

from mmteso.text_cues.parsing import english
from mmteso.text_cues.parsing.plurals import singular

pytest.importorskip('inflect')

PLURALS = dict(
    guitars='guitar', men='man', women='woman', policemen='policeman',
    people='person', children='child', geese='goose', mice='mouse',
    feet='foot', wolves='wolf', knives='knife', leaves='leaf', buses='bus',
    boxes='box', axes='axe', horses='horse', houses='house', vases='vase',
    watches='watch', torches='torch', brushes='brush', glasses='glasses',
    babies='baby', toys='toy', cookies='cookie', movies='movie',
    tomatoes='tomato', pianos='piano', cellos='cello', radios='radio',
    erhus='erhu', emus='emu', taxis='taxi', skis='ski', lenses='lens',
    gases='gas', basses='bass', drums='drum', cymbals='cymbal',
    maracas='maraca', tablas='tabla', clippers='clipper', tvs='tv',
    speakers='speaker', singers='singer', keys='key', shoes='shoe')
SINGULARS = '''
    bus gas glass bass brass grass dress lens iris tennis trellis oasis atlas
    canvas octopus walrus virus chorus cactus scissors pliers trousers jeans
    headphones binoculars bagpipes clothes species series news erhu sitar
    tabla harmonica marimba guzheng pipa specimen omen abdomen semen person
    man sheep piano police crowd rhinoceros chaos'''.split()


@pytest.mark.parametrize('plural', PLURALS)
def test_plurals(plural):
    assert singular(plural) == PLURALS[plural]


@pytest.mark.parametrize('word', SINGULARS)
def test_singulars_stay(word):
    assert singular(word) == word


@pytest.mark.parametrize('word', ['', 's', 'as', 'é', "dog's", '50s', 'x-s'])
def test_no_words(word):
    assert singular(word) == word


def test_no_word_list_holds_a_word_twice_or_in_upper_case():
    for name, words in vars(english).items():
        if isinstance(words, frozenset):
            assert all(word == word.casefold() for word in words), name
