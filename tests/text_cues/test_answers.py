# Copyright (c) mmteso contributors. All rights reserved.
import json
import re

import pytest

from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.io import normalize_phrase
from mmteso.text_cues.answers import (AnswerError, cue_name, cue_schema,
                                      normalise_cues, read_answer,
                                      strip_thinking, validate_answer)

pytest.importorskip('inflect')

HARMONY = ('<|channel|>analysis<|message|>A dog, so Answer: dog?<|end|>'
           '<|start|>assistant<|channel|>final<|message|>Answer: cat'
           '<|return|>')


def answer(*names, **more):
    return json.dumps(dict(sounding_objects=names, **more))


def test_an_answer_of_the_schema():
    assert validate_answer(answer('guitar', 'a man')) == ['guitar', 'a man']
    assert validate_answer(answer()) == []


@pytest.mark.parametrize('text', [
    'Answer: dog', '["dog"]', '{}', answer('dog') + '}', answer('dog', a=1),
    answer('dog')[:-3], answer('Dog'), answer('dog\n'), answer(''),
    answer('d' * 32), answer(3), answer(*['dog'] * 5), '[' * 100000
])
def test_an_answer_that_breaks_the_schema(text):
    with pytest.raises(AnswerError):
        validate_answer(text, cue_schema(max_cues=4))


@pytest.mark.parametrize('text, said', [
    ('<think>Answer: dog</think>\nAnswer: cat', 'Answer: cat'),
    ('Answer: dog, I guess.\n</think>Answer: cat', 'Answer: cat'),
    ('<think>Answer: dog, or', ''),
    ('[THINK]Answer: dog[/THINK]Answer: cat', 'Answer: cat'),
    (HARMONY, 'Answer: cat'),
    (HARMONY[:HARMONY.index('<|end|>')], ''),
    (re.sub(r'<\|.*?\|>', '', HARMONY), 'Answer: cat'),
    ('Analysis: a cat.\nAnswer: cat', 'Analysis: a cat.\nAnswer: cat'),
])
def test_thoughts_are_no_answer(text, said):
    assert strip_thinking(text) == said


@pytest.mark.parametrize('text, names', [
    ('Objects: dog, table.\nAnswer: dog', ['dog']),
    ('Answer: man\nFinal answer: a dog, two men and The Hair-Dryers.',
     ['dog', 'man', 'hair dryer']),
    ('**Answer:** Dog (barking, loudly), dogs\nExplanation: it barks, so',
     ['dog']),
    ('### Answer\n\nAnswer:\n- dog\n- man\n\nThat is all.', ['dog', 'man']),
    ('Answer: none', []),
    ('Answer: Nothing in the frame can sound.', []),
    ('Answer: dog\n\nCaption: A cat.\nAnswer: cat', ['dog']),
    ('Sure!\nCaption: A dog barks.\nAnswer: dog', ['dog']),
    ('Answer: dog</s>[INST] Answer: cat', ['dog']),
    (f'Sure:\n```json\n{answer("dogs", "man")}\n```\nAnswer: cat',
     ['dog', 'man']),
    (f'{answer("dog")} or {answer("cat")}', ['cat']),
    ('["dog", "a man"]', ['dog', 'man']),
    ('Objects: ["dog", "table"]\nAnswer: dog', ['dog']),
    ('Answer: []', []),
    (answer('none'), []),
    (HARMONY, ['cat']),
    ('Answer: dog, the, etc.', ['dog']),
    ('Answer: a dog, a man with a', ['dog']),
])
def test_answers_without_schema(text, names):
    assert read_answer(text) == names
    assert normalise_cues(names) == names


@pytest.mark.parametrize('text', [
    '', 'I cannot see the image.', 'dog, man', '<think>Answer: dog',
    'Answer: ', 'Answer: The dog is the one that barks.', 'Answer: A, B',
    'Answer: yes', 'Answer: object, thing', 'Answer: 狗', '[1, 2]',
    'The answer is that nothing can sound.', '{' * 100000, '[' * 100000,
    'Answer: the', 'Answer: a man with a', '["a", "of the"]'
])
def test_no_cue_is_made_of_prose(text):
    with pytest.raises(AnswerError):
        read_answer(text)


def test_a_cut_answer_is_whole_if_another_turn_follows():
    rest = '\n\nCaption: A cat.\nObjects: ca'
    assert read_answer(f'Answer: dog{rest}', cut=True) == ['dog']
    for text in ('Answer: dog, ca', 'Answer: dog\n', rest, answer('dog')):
        with pytest.raises(AnswerError, match='cut off'):
            read_answer(text, cut=True)


@pytest.mark.parametrize('name', AVSBENCH_CLASSES)
def test_names_of_classes_are_left_alone(name):
    assert cue_name(name) == normalize_phrase(name)


@pytest.mark.parametrize('plural, name', [
    ('two buses', 'bus'), ('brass', 'brass'), ('A gas stove', 'gas stove'),
    ('glasses', 'glasses'), ('wine-glasses', 'wine glasses'),
    ('geese', 'goose'), ('policewomen', 'policewoman'), ('people', 'person'),
    ('wolves', 'wolf'), ('emus', 'emu'), ('walruses', 'walrus'),
    ('octopus', 'octopus'), ('bagpipes', 'bagpipes'), ('erhus', 'erhu'),
    ('Clippers', 'clipper'), ('a flock of sheep', 'sheep'),
    ('some hair_dryers', 'hair dryer'), ('axes', 'axe'), ('taxis', 'taxi')
])
def test_singulars(plural, name):
    assert cue_name(plural) == name
    assert cue_name(name) == name
