# Copyright (c) mmteso contributors. All rights reserved.
import hashlib

import pytest

from mmteso.text_cues import PromptError, load_caption_prompt, load_prompt
from mmteso.text_cues.answers import read_answer
from mmteso.text_cues.prompt import PROMPT_DIR, prompt_names

MINE = '''
name: mine
kind: mine
origin: ours
instruction: Name it.
answer_format: One word.
extraction: As JSON.
input: 'Seen: {caption} (end)'
'''
SHOWN = '''
system: You are brief.
demonstrations:
- {caption: A dog., answer: 'Answer: dog', cues: [dog]}
- {caption: A cat., answer: 'Answer: cat', cues: [cat]}
'''


@pytest.fixture
def mine(tmp_path):

    def write(text):
        path = tmp_path / 'mine.yaml'
        path.write_text(text)
        return str(path)

    return write


def test_the_papers_ten_prompts():
    prompts = {name: load_prompt(name) for name in prompt_names()}
    assert sorted(p.number for p in prompts.values()) == list(range(1, 11))
    for name, prompt in prompts.items():
        assert prompt.name == name and 'JSON' in prompt.extraction
        # what a model is shown can be read
        for shown in prompt.demonstrations:
            assert tuple(read_answer(shown.answer)) == shown.cues
            assert len(shown.cues) <= 4
        with open(f'{PROMPT_DIR}/{name}.yaml', 'rb') as file:
            assert prompt.hash == hashlib.sha256(file.read()).hexdigest()
    counts = [len(prompts[name].demonstrations) for name in
              ('few_shot_cot', 'one_shot_cot', 'zero_shot_cot')]
    assert counts == [5, 1, 0]
    # the paper's own words
    assert prompts['zero_shot_cot'].instruction == (
        "Let's think step by step to obtain sounding objects in the caption.")
    assert load_caption_prompt('caption_paper').text == (
        'Please carefully understand the image content and provide as rich a '
        'description as possible.')


def test_conversation(mine):
    prompt = load_prompt(mine(MINE + SHOWN))
    chat = prompt.conversation('A {red}\n\n bus')
    assert [m['role'] for m in chat] == [
        'system', 'user', 'assistant', 'user', 'assistant', 'user']
    assert chat[1]['content'] == (
        'Name it.\n\nOne word.\n\nSeen: "A dog." (end)')
    assert chat[2]['content'] == 'Answer: dog'
    # a description is one line, whatever it holds
    assert chat[-1]['content'] == 'Seen: "A {red} bus" (end)'
    second = prompt.extract(chat, 'Answer: bus')
    assert second[:-2] == chat
    assert [m['content'] for m in second[-2:]] == ['Answer: bus', 'As JSON.']
    assert load_prompt(mine(MINE)).conversation('x') == [
        dict(role='user', content='Name it.\n\nOne word.\n\nSeen: "x" (end)')]


@pytest.mark.parametrize('text, message', [
    (MINE.replace('kind: mine', ''), '`kind`'),
    (MINE + 'temperature: warm', '`temperature`'),
    (MINE.replace('Name it.', '7'), r'`int` - at `\$\.instruction`'),
    (MINE.replace('{caption}', 'it'), 'caption'),
    (MINE + 'demonstrations: [{caption: x}]', "`answer`"),
    (MINE + 'name: twice', 'name'),
    (MINE + 'hash: mine', '"hash" is made of the file'),
    (MINE + 'demonstrations:', r'`null` - at `\$\.demonstrations`'),
    ('just text', 'mine.yaml'),
])
def test_broken_files(mine, text, message):
    with pytest.raises(PromptError, match=message) as error:
        load_prompt(mine(text))
    assert 'Its keys are' in str(error.value)


def test_unknown_names():
    with pytest.raises(FileNotFoundError, match='few_shot_cot'):
        load_prompt('few_shot_cto')
    with pytest.raises(FileNotFoundError, match='caption_paper'):
        load_caption_prompt('few_shot_cot_')
