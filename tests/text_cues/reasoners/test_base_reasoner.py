# Copyright (c) mmteso contributors. All rights reserved.
"""What every language model's answers go through."""
import pytest

from mmteso.text_cues import ChatFailure, Frame, Reasoning
from mmteso.text_cues.prompt import load_prompt
from mmteso.text_cues.reasoners import PromptedReasoner


class Scripted(PromptedReasoner):
    """Gives prepared answers, batch by batch, and keeps what it was asked."""

    name = 'scripted'

    def __init__(self, *batches, **kwargs):
        super().__init__(**kwargs)
        self.batches = list(batches)
        self.asked = []

    def chat(self, conversations):
        self.asked.append(conversations)
        return self.batches.pop(0)


def reason(reasoner, *captions):
    frames = [Frame('u', i, '') for i in range(len(captions))]
    found = reasoner.reason(frames, captions)
    assert not reasoner.batches  # all was asked for, and no more
    return found


def test_answers_are_parsed_and_kept():
    reasoner = Scripted(['Answer: dog, man', 'Answer: none'], num_cues=1)
    assert reason(reasoner, 'A dog and a man.', 'A tree.') == [
        Reasoning(('dog', ), 'Answer: dog, man'),
        Reasoning((), 'Answer: none')
    ]
    prompt = load_prompt('few_shot_cot')
    assert reasoner.asked == [[
        prompt.conversation('A dog and a man.'),
        prompt.conversation('A tree.')
    ]]
    assert (reasoner.prompt_name, reasoner.prompt_hash) == (prompt.name,
                                                            prompt.hash)


@pytest.mark.parametrize('bad', ['', ' \n', '?!', "I'm sorry, I can't."])
def test_an_answer_that_cannot_be_parsed_is_asked_for_once_more(bad):
    reasoner = Scripted(['Answer: dog', bad], ['Answer: cat'])
    assert reason(reasoner, 'A dog.', 'A cat.') == [
        Reasoning(('dog', ), 'Answer: dog'),
        Reasoning(('cat', ), 'Answer: cat')
    ]
    prompt = load_prompt('few_shot_cot')
    first = prompt.conversation('A cat.')
    again, = reasoner.asked[1]
    assert again == prompt.retry(first, bad)
    assert again != first and again[-1]['role'] == 'user'
    assert prompt.retry_instruction in again[-1]['content']


def test_it_is_not_asked_for_a_third_time():
    reasoner = Scripted(['?!'], ['!?'])
    found, = reason(reasoner, 'A cat.')
    assert found.failed and found.cues == ()
    assert found.text == '?!\n---\n!?'
    assert found.error


def test_a_model_that_cannot_answer_is_not_asked_again():
    reasoner = Scripted([ChatFailure('timed out')])
    assert reason(reasoner, 'A cat.') == [Reasoning((), '', 'timed out')]


def test_a_failure_of_the_second_attempt_keeps_the_first_answer():
    reasoner = Scripted(['?!'], [ChatFailure('timed out')])
    found, = reason(reasoner, 'A cat.')
    assert found.error == 'timed out' and found.text.startswith('?!')


def test_impossible_number_of_cues():
    with pytest.raises(ValueError, match='num_cues must be at least 1'):
        Scripted(num_cues=0)
