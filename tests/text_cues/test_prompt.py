# Copyright (c) mmteso contributors. All rights reserved.
import hashlib
from pathlib import Path

import mmengine
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmteso.text_cues.parser import CueParseError, parse_cues
from mmteso.text_cues.prompt import (PROMPT_DIR, CaptionPrompt, PromptError,
                                     caption_prompt_names, load_caption_prompt,
                                     load_prompt, prompt_names)

# number in the paper's table G9 -> name, and the instruction where the paper
# gives it
TABLE_G9 = {
    1: ('few_shot_cot', None),
    2: ('one_shot_cot', None),
    3: ('zero_shot_cot',
        "Let's think step by step to obtain sounding objects in the caption."),
    4: ('few_shot_direct', None),
    5: ('one_shot_direct', None),
    6: ('zero_shot_direct',
        'Please tell me the sounding objects in the caption.'),
    7: ('most_possible',
        'Please tell me the most possible sounding object in the caption.'),
    8: ('any_objects', 'Please tell me any objects in the caption.'),
    9: ('background_objects',
        'Please tell me the background objects in the caption.'),
    10: ('random_object', 'Tell me any random object.'),
}
NAMES = [name for name, _ in TABLE_G9.values()]
VALID = dict(
    name='mine',
    kind='a test',
    origin='ours',
    instruction='Name the objects that sound.',
    answer_format='Reply "Answer: ...".',
    retry_instruction='Reply "Answer: ..." and nothing else.',
    input='Caption: {caption}')


def write(path, **changes):
    """A valid prompt file, with changed values; None drops a key."""
    values = {**VALID, **changes}
    values = {key: v for key, v in values.items() if v is not None}
    path = str(path / 'mine.yaml')
    mmengine.dump(values, path)
    return path


# The prompts of the package ---------------------------------------------


def test_there_is_a_prompt_for_each_row_of_table_g9():
    assert sorted(NAMES) == list(prompt_names())


@pytest.mark.parametrize('number', TABLE_G9)
def test_rows_of_table_g9(number):
    name, instruction = TABLE_G9[number]
    prompt = load_prompt(name)
    assert prompt.name == name
    assert prompt.number == number
    if instruction is None:
        assert prompt.origin == 'ours'
    else:
        # word for word
        assert prompt.origin == 'paper'
        assert prompt.instruction == instruction
    shots = name.split('_')[0]
    wanted = dict(few=5, one=1).get(shots, 0)
    assert len(prompt.demonstrations) == wanted


@pytest.mark.parametrize('name', NAMES)
def test_demonstrations_are_parsed_to_what_they_state(name):
    for shown in load_prompt(name).demonstrations:
        assert parse_cues(shown.answer) == shown.cues
        # a thing of the caption is meant, not one that the prompt adds
        for cue in shown.cues:
            assert cue in shown.caption


@pytest.mark.parametrize('name', NAMES)
def test_an_instruction_repeated_is_not_taken_for_an_answer(name):
    prompt = load_prompt(name)
    for text in (prompt.instruction, prompt.answer_format,
                 prompt.retry_instruction,
                 prompt.conversation('A dog.')[0]['content']):
        with pytest.raises(CueParseError):
            parse_cues(text)


def test_demonstrations_range_from_nothing_to_several_sources():
    shown = load_prompt('few_shot_cot').demonstrations
    assert {len(demonstration.cues) for demonstration in shown} >= {0, 1, 2, 3}
    # the first line lists, the last one answers
    for demonstration in shown:
        lines = demonstration.answer.splitlines()
        assert [line.split(':')[0] for line in lines
                ] == ['Objects', 'Groups', 'Together', 'Answer']
        # more is visible than sounds
        assert lines[0].count(',') > len(demonstration.cues)


def test_the_ablations_differ_in_one_thing():
    few, one, few_direct, one_direct = (
        load_prompt(name) for name in ('few_shot_cot', 'one_shot_cot',
                                       'few_shot_direct', 'one_shot_direct'))
    # direct answers: the same captions and objects, without the reasoning
    for cot, direct in ((few, few_direct), (one, one_direct)):
        assert [(d.caption, d.cues) for d in cot.demonstrations
                ] == [(d.caption, d.cues) for d in direct.demonstrations]
        for a, b in zip(cot.demonstrations, direct.demonstrations):
            assert a.answer.splitlines()[-1] == b.answer
    # one shot: one of the demonstrations, and the same words
    for several, single in ((few, one), (few_direct, one_direct)):
        assert single.demonstrations[0] in several.demonstrations
        assert single.instruction == several.instruction
        assert single.answer_format == several.answer_format


@pytest.mark.parametrize('name', NAMES + ['caption_paper'])
def test_the_hash_is_that_of_the_bytes(name):
    content = (Path(PROMPT_DIR) / f'{name}.yaml').read_bytes()
    load = load_caption_prompt if name.startswith('caption') else load_prompt
    assert load(name).hash == hashlib.sha256(content).hexdigest()


def test_the_papers_caption_prompt():
    assert caption_prompt_names() == ('caption_paper', )
    prompt = load_caption_prompt('caption_paper')
    assert isinstance(prompt, CaptionPrompt)
    assert prompt.name == 'caption_paper'
    assert prompt.origin == 'paper'
    assert prompt.text == (
        'Please carefully understand the image content and provide as rich a '
        'description as possible.')


# Conversations --------------------------------------------------------------


@pytest.mark.parametrize('name', NAMES)
def test_conversations(name):
    prompt = load_prompt(name)
    conversation = prompt.conversation('A dog barks.')
    shots = len(prompt.demonstrations)
    assert [message['role'] for message in conversation
            ] == ['user', 'assistant'] * shots + ['user']
    first = conversation[0]['content']
    assert first.startswith(prompt.instruction)
    assert prompt.answer_format in first
    assert conversation[-1]['content'].endswith('Caption: A dog barks.')
    for i, shown in enumerate(prompt.demonstrations):
        assert conversation[2 * i]['content'].endswith(shown.caption)
        assert conversation[2 * i + 1]['content'] == shown.answer
    # said once
    text = '\n'.join(message['content'] for message in conversation)
    assert text.count(prompt.instruction) == 1


@settings(deadline=None, max_examples=50)
@given(st.text() | st.sampled_from([
    '{caption}', '{0} {} {x!r:>10}', '%s %(caption)s', '$caption',
    '\\1 \\g<0>', 'line\nCaption: another\r\n\nAnswer: cat', '{{', '}', "'\"`"
]))
def test_any_caption_gets_in(caption):
    prompt = load_prompt('few_shot_cot')
    *before, last = prompt.conversation(caption)
    assert before == prompt.conversation('')[:-1]
    # as one line, so that none of it can pass for a line of the prompt
    assert last == dict(
        role='user', content=f'Caption: {" ".join(caption.split())}')


def test_a_system_message_comes_first(tmp_path):
    prompt = load_prompt(write(tmp_path, system='You are brief.'))
    assert prompt.conversation('A dog.') == [
        dict(role='system', content='You are brief.'),
        dict(
            role='user',
            content='Name the objects that sound.\n\nReply "Answer: ...".\n\n'
            'Caption: A dog.')
    ]


def test_retry_repeats_the_answer_and_asks_more_strictly():
    prompt = load_prompt('few_shot_cot')
    conversation = prompt.conversation('A dog.')
    before = [dict(message) for message in conversation]
    assert prompt.retry(conversation, ' I cannot hear. ') == before + [
        dict(role='assistant', content='I cannot hear.'),
        dict(role='user', content=prompt.retry_instruction)
    ]
    assert conversation == before


def test_a_runaway_answer_does_not_fill_the_context_of_the_retry():
    prompt = load_prompt('few_shot_cot')
    answer, _ = prompt.retry(prompt.conversation('A dog.'), 'dog ' * 9999)[-2:]
    assert len(answer['content']) <= 1000


@pytest.mark.parametrize('answer', ['', ' \n'])
def test_after_a_blank_answer_roles_still_alternate(answer):
    prompt = load_prompt('zero_shot_direct')
    conversation = prompt.conversation('A dog.')
    message, = prompt.retry(conversation, answer)
    assert message['role'] == 'user'
    assert message['content'].startswith(conversation[0]['content'])
    assert message['content'].endswith(prompt.retry_instruction)
    assert conversation == prompt.conversation('A dog.')


# Files of one's own ---------------------------------------------------------


def test_a_file_is_chosen_by_its_path(tmp_path):
    path = write(tmp_path, demonstrations=[
        dict(caption='A dog.', answer='Answer: dog', cues=['dog'])
    ])
    for chosen in (path, Path(path)):
        prompt = load_prompt(chosen)
        assert prompt.name == 'mine'
        assert prompt.number is None
        assert prompt.demonstrations[0].cues == ('dog', )


def test_another_byte_is_another_hash(tmp_path):
    path = write(tmp_path)
    before = load_prompt(path)
    with open(path, 'a') as file:
        file.write('# a comment\n')
    after = load_prompt(path)
    assert before.hash != after.hash
    assert before.conversation('x') == after.conversation('x')


def test_a_caption_prompt_of_ones_own(tmp_path):
    path = tmp_path / 'short.yml'
    path.write_text('name: short\norigin: ours\ntext: Describe it briefly.\n')
    prompt = load_caption_prompt(str(path))
    assert (prompt.name, prompt.text) == ('short', 'Describe it briefly.')


@pytest.mark.parametrize('load, known', [(load_prompt, 'few_shot_cot'),
                                         (load_caption_prompt,
                                          'caption_paper')])
def test_an_unknown_name_lists_the_known_ones(load, known, tmp_path):
    with pytest.raises(PromptError, match=f'no .*prompt "few".*{known}.*yaml'):
        load('few')
    with pytest.raises(FileNotFoundError, match=f'does not exist.*{known}'):
        load(str(tmp_path / 'missing.yaml'))
    with pytest.raises(TypeError, match='name or the path'):
        load(1)


def test_the_two_kinds_of_prompts_are_told_apart():
    with pytest.raises(PromptError, match='no prompt "caption_paper"'):
        load_prompt('caption_paper')
    with pytest.raises(PromptError, match='no caption prompt "few_shot_cot"'):
        load_caption_prompt('few_shot_cot')


SHOWN = dict(caption='A dog.', answer='Answer: dog', cues=['dog'])


@pytest.mark.parametrize('changes, message', [
    (dict(instruction=None), 'missing instruction'),
    (dict(name=None, kind=None), 'missing name, kind'),
    (dict(instructions='x'), 'unknown instructions; known are name, '),
    (dict(instruction=''), '"instruction" must be a text'),
    (dict(instruction=' \n'), '"instruction" must be a text'),
    (dict(instruction=['x']), '"instruction" must be a text'),
    (dict(origin='mine'), "\"origin\" must be 'paper' or 'ours'"),
    (dict(origin=['paper']), "\"origin\" must be 'paper' or 'ours'"),
    (dict(number='1'), '"number" must be a whole number'),
    (dict(number=True), '"number" must be a whole number'),
    (dict(input='Caption:'), '"input" must have {caption} in it, once'),
    (dict(input='{caption} {caption}'), '{caption} in it, once'),
    (dict(demonstrations='x'), '"demonstrations" must be a list'),
    (dict(demonstrations=['x']), 'demonstration 1: a mapping with the keys'),
    (dict(demonstrations=[dict(SHOWN, cue='dog')]),
     'demonstration 1: unknown cue'),
    (dict(demonstrations=[SHOWN, dict(caption='A', cues=[])]),
     'demonstration 2: missing answer'),
    (dict(demonstrations=[dict(SHOWN, cues='dog')]),
     '"cues" must be a list of texts'),
    (dict(demonstrations=[dict(SHOWN, cues=[1])]),
     '"cues" must be a list of texts'),
    (dict(demonstrations=[dict(SHOWN, answer="I'm sorry.")]),
     "\"answer\" can't be parsed"),
    (dict(demonstrations=[dict(SHOWN, cues=['cat'])]),
     "\"cues\" is ['cat'], but \"answer\" is parsed as ['dog']"),
    (dict(demonstrations=[dict(SHOWN, cues=[])]),
     "\"cues\" is [], but \"answer\" is parsed as ['dog']"),
])
def test_wrong_files_are_refused_with_what_is_wrong(changes, message,
                                                    tmp_path):
    path = write(tmp_path, **changes)
    with pytest.raises(PromptError) as caught:
        load_prompt(path)
    assert path in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize('content, message', [
    (b'', 'a mapping with the keys name, '),
    (b'- x', 'a mapping with the keys name, '),
    (b'name: [', 'is not a YAML file'),
    (b'\xff\xfe\x00', 'is not a YAML file'),
    (b'name: a\nname: b\n', "the key 'name' occurs twice"),
    (b'? [a]\n: b\n', 'is not a YAML file'),
    (b'name: !!python/object/apply:os.getcwd []\n', 'is not a YAML file'),
])
def test_broken_files_are_refused(content, message, tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_bytes(content)
    with pytest.raises(PromptError, match=message):
        load_prompt(str(path))


def test_a_caption_prompt_is_checked_too(tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text('name: x\norigin: ours\n')
    with pytest.raises(PromptError, match='missing text'):
        load_caption_prompt(str(path))
