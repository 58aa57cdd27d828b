# Copyright (c) mmteso contributors. All rights reserved.
import json
import os
import random
import re
import time
import unicodedata
from pathlib import Path

import mmengine
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.io import normalize_phrase
from mmteso.testbeds.synthavs.classes import CLASSES as SYNTHAVS_CLASSES
from mmteso.text_cues.parser import CueParseError, parse_cues
from mmteso.text_cues.parsing.plurals import singular

pytest.importorskip('inflect')

TABLE = mmengine.load(Path(__file__).with_name('answers.yaml'))
# MMTESO_EXAMPLES=20000 for a long search
any_answer = settings(
    deadline=None,
    max_examples=int(os.environ.get('MMTESO_EXAMPLES', 150)),
    # a busy machine is no failure
    suppress_health_check=[HealthCheck.too_slow])
NAMES = AVSBENCH_CLASSES + SYNTHAVS_CLASSES[1:]


def parse(text, num_cues=4):
    """The cues, or None if the answer can't be parsed."""
    try:
        return parse_cues(text, num_cues)
    except CueParseError:
        return None


# The table --------------------------------------------------------------


def test_the_table_is_large_and_without_repetition():
    assert len(TABLE) >= 200
    assert len({row['text'] for row in TABLE}) == len(TABLE)
    assert len({row['kind'] for row in TABLE}) == len(TABLE)
    for row in TABLE:
        assert ('cues' in row) != ('error' in row), row
        assert row.keys() <= {'kind', 'like', 'text', 'cues', 'error'}


@pytest.mark.parametrize('row', TABLE, ids=lambda row: row['kind'])
def test_real_looking_answers(row):
    if 'error' in row:
        with pytest.raises(CueParseError, match=row['error']):
            parse_cues(row['text'])
    else:
        assert parse_cues(row['text']) == tuple(row['cues'])


def test_of_any_answer_the_first_cues_are_kept():
    for row in TABLE:
        if 'cues' in row:
            assert parse_cues(row['text'], 1) == tuple(row['cues'][:1])


# Any text ---------------------------------------------------------------

MARKS = re.compile(r'\*\*|__|`|~~')
FRAGMENTS = [
    'Answer:', 'Final answer:', 'Answer', 'Objects:', 'Groups:',
    'Sounding objects:', 'The sounding objects are', 'Explanation:', 'none',
    'None', 'There is no', 'nothing', 'can sound', 'cannot sound', 'is', 'are',
    'could be', 'dog', 'dogs', 'two men', 'the women', 'a guitar',
    'hair-dryer', 'people', "a man's voice", 'playing', 'barking',
    'in the background', 'because', 'which', 'and', 'or', ',', ';', ':', '.',
    '!', '(', ')', '[', ']', '{', '}', '"', "'", '“', '’', '、', '：', '。',
    '\n', '\n\n', '- ', '* ', '1. ', '2)', '• ', '**', '`', '```json', '```',
    '#', ' - ', '—',
    '<think>', '</think>', '</s>', '[INST]', '[/INST]', '<|im_end|>', 'User:',
    'ASSISTANT:', 'Caption:', '<b>', '</li>', '<li>', '&amp;', '\\boxed{',
    "I'm sorry", 'I cannot', 'as an AI', 'sound', 'objects', 'object', 'the',
    'can', 'ing', 's', '狗', 'é', '🎸', '\u200b', '\ue000', 'null', 'true',
    '"answer"', '"can_sound"', 'false', '|', '/', '&', '=', '->', 'Step 1:'
]
answers = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(FRAGMENTS), max_size=30).map(' '.join),
    st.lists(st.sampled_from(FRAGMENTS), max_size=30).map(''.join))


def words_of(text):
    """What words a text has, as written and with its markup rendered."""
    text = unicodedata.normalize('NFKC', text)
    found = set()
    for shown in (text, MARKS.sub('', text), MARKS.sub(' ', text)):
        shown = re.sub('[\u200b\xad]', '', shown)
        shown = re.sub(r'[\s_\-‐-―]+', ' ', shown.casefold())
        found.update(re.findall(r'[^\W_]+', shown))
    return found


@any_answer
@given(answers, st.integers(1, 6))
def test_any_text_gives_clean_cues_or_the_one_error(text, num_cues):
    cues = parse(text, num_cues)
    if cues is None:
        return
    assert isinstance(cues, tuple)
    assert len(cues) <= num_cues
    assert len(set(cues)) == len(cues)
    words = words_of(text)
    words |= {singular(word) for word in words}
    for cue in cues:
        assert cue == normalize_phrase(cue) != ''
        assert 1 <= len(cue.split()) <= 4
        assert re.fullmatch('[a-z0-9\u00c0-\u024f ]+', cue)
        # nothing is invented
        assert set(cue.split()) <= words
    assert parse(text, num_cues) == cues


@any_answer
@given(answers)
def test_parsing_its_own_output_changes_nothing(text):
    cues = parse(text, 6)
    if not cues:
        return
    assert parse(', '.join(cues), 6) == cues
    assert parse('Answer: ' + ', '.join(cues), 6) == cues
    assert parse(json.dumps(cues), 6) == cues


@any_answer
@given(answers)
def test_fewer_cues_are_the_first_ones(text):
    cues = parse(text, 6)
    for num_cues in (1, 3):
        assert parse(text, num_cues) == (cues if cues is None else
                                         cues[:num_cues])


# Round trips --------------------------------------------------------------


def a(name):
    return f'an {name}' if name[0] in 'aeiou' else f'a {name}'


def joined(names, last='and'):
    if len(names) == 1:
        return names[0]
    return f'{", ".join(names[:-1])} {last} {names[-1]}'


def verb(names):
    return 'is' if len(names) == 1 else 'are'


FORMATS = {
    'commas': ', '.join,
    'and': lambda names: joined([a(name) for name in names]) + '.',
    'or': lambda names: joined(names, 'or'),
    'lines': '\n'.join,
    'bullets': lambda names: '\n'.join(f'- {name}' for name in names),
    'stars': lambda names: '\n'.join(f'* **{n.title()}**' for n in names),
    'numbers': lambda names: '\n'.join(
        f'{i}. {name.capitalize()}' for i, name in enumerate(names, 1)),
    'numbers in a line': lambda names: ' '.join(
        f'{i}) {name}' for i, name in enumerate(names, 1)),
    'answer': lambda names: 'Answer: ' + ', '.join(names),
    'bold answer': lambda names: f'**Answer:** {", ".join(names)}.',
    'answer, then bullets': lambda names: 'Answer:\n\n' + '\n'.join(
        f'* {name} (it could be heard)' for name in names),
    'chain of thought': lambda names:
    f'Objects: table, {", ".join(names)}.\n'
    f'Groups: {names[-1]} can make a sound, furniture (table) cannot.\n'
    f'Together: all but the table.\nAnswer: {", ".join(names)}',
    'array': lambda names: json.dumps(list(names)),
    'fenced array': lambda names: f'```json\n{json.dumps(names, indent=2)}\n'
    '```\nI hope this helps!',
    'object': lambda names: json.dumps(
        dict(thought='Answer: x', answer=names)),
    "Python's list": lambda names: f'Answer: {list(names)!r}',
    'statement': lambda names:
    f'The potential sounding objects are: {joined(names)}.',
    'statement without colon': lambda names: 'The most likely sounding '
    f'object{"s" * (len(names) > 1)} in the caption {verb(names)} '
    f'{joined(["the " + name for name in names])}.',
    'subject': lambda names:
    f'{joined(["The " + name for name in names])} {verb(names)} most likely '
    'making a sound.',
    'ideographic': lambda names: f'Answer：{"、".join(names)}。',
    'tag': lambda names: f'<think>Answer: x</think>\n<answer>{joined(names)}'
    '</answer>',
}
class_lists = st.lists(
    st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)


@pytest.mark.parametrize('form', FORMATS)
def test_every_class_name_comes_out_unchanged(form):
    for name in NAMES:
        assert parse_cues(FORMATS[form]([name])) == (normalize_phrase(name), )


@any_answer
@given(class_lists, st.sampled_from(sorted(FORMATS)))
def test_lists_of_class_names_come_back_from_every_format(names, form):
    assert parse_cues(FORMATS[form](names)) == tuple(
        map(normalize_phrase, names))


@any_answer
@given(
    st.permutations(['dog', 'man', 'car']), st.sampled_from(sorted(FORMATS)))
def test_an_order_is_kept(names, form):
    assert parse_cues(FORMATS[form](names)) == tuple(names)


def test_plural_class_names_become_singular():
    import inflect
    engine = inflect.engine()
    for name in NAMES:
        name = normalize_phrase(name)
        plural = engine.plural_noun(name)
        assert parse_cues(f'Answer: {plural}') == (name, ), plural


# Runaway answers ------------------------------------------------------------

ENDS = ['</s>', '<|im_end|>\n<|im_start|>user\n', '<|eot_id|>', '\n[INST] ',
        '\nUSER: ', '\n\nUser: ', '\n### Instruction:\n', '\n\nCaption: ',
        '\n\nHuman: ']
ON_ITS_OWN_LINE = ['\nExplanation: ', '\n\nNote: ']


@any_answer
@given(class_lists, st.sampled_from(sorted(FORMATS)), st.sampled_from(ENDS),
       answers)
def test_what_follows_the_answer_changes_nothing(names, form, end, suffix):
    # no reasoning block may reach back over the answer, and no fence be open
    suffix = suffix.replace('think>', '')
    text = FORMATS[form](names)
    assert parse_cues(text + end + suffix) == parse_cues(text)


@any_answer
@given(class_lists, st.sampled_from(['answer', 'bold answer', 'array',
                                     'chain of thought', 'commas', 'lines']),
       st.integers(3, 200), st.integers(0, 300))
def test_loops_change_nothing(names, form, times, cut):
    """Wherever they are cut off, after two rounds."""
    text = FORMATS[form](names) + '\n\n'
    loop = text * times
    end = max(2 * len(text), len(loop) - cut)
    assert parse_cues(loop[:end]) == parse_cues(text)


def test_a_conversation_repeated_with_one_answer_is_read():
    text = 'USER: What sounds?\nASSISTANT: {}'
    assert parse_cues(text.format('Answer: dog')) == ('dog', )


# Time -----------------------------------------------------------------------

# Seconds of computing time. It takes under 0.05; a regular expression that
# goes back and forth takes many seconds.
LIMIT = 0.25
SIZE = 100_000
RANDOM = random.Random(0)
LONG = {
    'loop of an answer': 'Answer: drum, man\n',
    'loop of items': 'dog, two cats, ',
    'loop of words': 'guitars ',
    'prose': 'The man could be singing, and the guitar is being played. ',
    'thought': 'Objects: man, guitar, table.\nGroups: people can sound.\n',
    'headings': 'Answer:\n',
    'colons': ':',
    'answer colons': 'Answer: ',
    'stops': '. ',
    'line breaks': '\n',
    'spaces': ' ',
    'opening brackets': '[',
    'opening brackets and quotes': '["',
    'braces': '{"answer": ',
    'round brackets': 'things (',
    'categories': 'animals: ',
    'quotes': '"',
    'apostrophes': "'s ",
    'owners': "man's ",
    'articles': 'a ',
    'stars': '*',
    'bullets': '- ',
    'numbers': '1. ',
    'dashes': '-',
    'angle brackets': '<',
    'tags': '<b ',
    'think': '<think>',
    'tokens': '<|im_start|>',
    'turns': '\nUSER: ',
    'of': 'group of ',
    'and': ' and',
    'full width': '：、',
    'that': 'that is ',
    'backslashes': '\\',
    'entities': '&amp',
    'fences': '```',
}


@pytest.mark.parametrize('kind', LONG)
@pytest.mark.parametrize('before', ['', 'Answer: '])
def test_100_kb_take_no_time(kind, before):
    text = before + (LONG[kind] * (SIZE // len(LONG[kind]) + 1))[:SIZE]
    parse('Answer: dogs')  # inflect is loaded
    seconds = []
    for _ in range(5):
        start = time.process_time()
        parse(text)
        seconds.append(time.process_time() - start)
        if seconds[-1] < LIMIT:
            break
    assert min(seconds) < LIMIT


def test_100_kb_of_different_words_take_no_time():
    words = [''.join(RANDOM.choices('abcdefghij', k=7)) + 's'
             for _ in range(SIZE // 10)]
    for text in (', '.join(words), ' '.join(words), '\n'.join(words),
                 'Answer: ' + ', '.join(words), json.dumps(words)):
        start = time.process_time()
        parse(text)
        assert time.process_time() - start < LIMIT


# Arguments ------------------------------------------------------------------


@pytest.mark.parametrize('text', [None, b'dog', ['dog']])
def test_an_answer_is_a_string(text):
    with pytest.raises(TypeError, match='must be a string'):
        parse_cues(text)


def test_at_least_one_cue_is_wanted():
    with pytest.raises(ValueError, match='at least 1') as caught:
        parse_cues('dog', 0)
    assert not isinstance(caught.value, CueParseError)


def test_the_default_is_four_cues():
    assert len(parse_cues('Answer: dog, cat, pig, hen, duck')) == 4


def test_inflect_is_asked_for_with_a_way_to_get_it(monkeypatch):
    import sys

    from mmteso.text_cues.parsing import plurals
    plurals._inflect.cache_clear()
    singular.cache_clear()
    monkeypatch.setitem(sys.modules, 'inflect', None)
    try:
        assert parse_cues('Answer: dog') == ('dog', )
        with pytest.raises(ImportError, match=r"'mmteso\[text\]'"):
            parse_cues('Answer: dogs')
    finally:
        plurals._inflect.cache_clear()
        singular.cache_clear()
