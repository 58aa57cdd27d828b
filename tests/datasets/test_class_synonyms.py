# Copyright (c) mmteso contributors. All rights reserved.
import pytest

from mmteso.datasets import (ClassSynonyms, SynonymError, load_class_synonyms,
                             read_synonyms)
from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.datasets.class_synonyms import SynonymTable
from mmteso.io import normalize_phrase

CLASSES = ('background', 'dog', 'emergency-car', 'man', 'woman')
TABLE = SynonymTable(words=dict(dog=['hound'], man=['guy'], woman=[]),
                     several=dict(person=['woman', 'man']), none=['hot dog'])


@pytest.mark.parametrize('phrase, classes', [
    ('dog', 'dog'), ('Hound', 'dog'), ('guy', 'man'),
    ('Emergency_Car', 'emergency-car'), ('dogs', 'dog'), ('guys', 'man'),
    ('women', 'woman'), ('person', 'man woman'), ('persons', 'man woman'),
    ('barking dog', 'dog'), ('a black hound', 'dog'), ('two old guys', 'man'),
    ('hot dog', ''), ('a hot dogs', ''), ('dog house', ''), ('hotdog', ''),
    ('background', ''), ('', ''), ('cat', '')
])
def test_lookup(phrase, classes):
    synonyms = ClassSynonyms(CLASSES, TABLE)
    assert synonyms.classes_of(phrase) == tuple(classes.split())


def test_avsbenchs_table():
    """Each class is in it, and each phrase is written as compared."""
    table = read_synonyms('avsbench')
    assert list(table.words) == list(AVSBENCH_CLASSES[1:])
    phrases = [*sum(table.words.values(), []), *table.several, *table.none]
    assert len(phrases) > 300
    assert phrases == list(map(normalize_phrase, phrases))


@pytest.mark.parametrize('phrase, classes', [
    ('a group of people', 'baby boy girl man woman'),
    ('policemen', 'man'), ('red fire truck', 'emergency-car'),
    ('dump truck', 'truck'), ('wolves', 'wolf'), ('geese', 'goose'),
    ('electronic keyboard', 'keyboard piano'), ('loud gun shots', 'gun'),
    ('sea lions', ''), ('water tank', ''), ('vehicle', '')])
def test_what_language_models_say(phrase, classes):
    avsbench = load_class_synonyms('auto', AVSBENCH_CLASSES)
    assert avsbench.classes_of(phrase) == tuple(classes.split())
    # 'auto' knows no words for other classes
    assert load_class_synonyms('auto', CLASSES).classes_of('hounds') == ()


@pytest.mark.parametrize('table, message', [
    (dict(words=dict(cat=[])), "name the class 'cat', which the class set"),
    (dict(words=dict(background=['wall'])), "the class 'background'"),
    (dict(words=dict(dog=['Man'])), "'Man' the meaning .'dog'.*means .'man'"),
    (dict(words=dict(dog=['pet', 'Pet'])), "'Pet' the meaning"),
    (dict(words=dict(dog=['pet'], man=['pet'])), "(?s)stands in 'several'"),
    (dict(words=dict(dog=[' - '])), 'is empty'),
    (dict(words={}, several=dict(pet=['dog'])), 'expected two or more'),
    (dict(words={}, none=['dog']), "(?s)class's name means this class"),
])
def test_contradictions(table, message):
    with pytest.raises(SynonymError, match=message):
        ClassSynonyms(CLASSES, SynonymTable(**table))


def test_own_file(tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text('words:\n  dog: [hound]\nnone: [hot dog]\n')
    synonyms = load_class_synonyms(str(path), CLASSES)
    assert synonyms.classes_of('big hounds') == ('dog', )
    assert load_class_synonyms(
        str(path), CLASSES, head_noun=False).classes_of('big hounds') == ()
    path.write_text('words:\nnone: [hot dog]\n')
    assert load_class_synonyms(str(path), CLASSES).classes_of('dog')
    path.write_text('words:\n  cat: [kitten]\n')
    with pytest.raises(SynonymError, match="mine.yaml.*class 'cat'"):
        load_class_synonyms(str(path), CLASSES[:4])
    with pytest.raises(FileNotFoundError, match="expected 'avsbench' or"):
        read_synonyms('avsbnech')


@pytest.mark.parametrize('content, message', [
    ('[a]', 'holds no synonyms: Expected `object`'),
    ('dog: [hound]', 'field `dog`'),
    ('words: {dog: [a]}\nnothing: [b]', 'field `nothing`.* look like mmteso/'),
    ('words: {dog: [yes]}', 'got `bool` - at .*words.* only in quotes'),
    ('words: {}\nnone: hot dog', 'Expected `array`.*none'),
    ('words: {dog: [a], dog: [b]}', "no YAML file: .*'dog' occurs twice"),
])
def test_broken_files(tmp_path, content, message):
    path = tmp_path / 'mine.yaml'
    path.write_text(content)
    with pytest.raises(SynonymError, match=message):
        read_synonyms(str(path))
