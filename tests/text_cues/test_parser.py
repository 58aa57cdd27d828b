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
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.datasets.synthavs.classes import CLASSES as SYNTHAVS_CLASSES
from mmteso.io import normalize_phrase
from mmteso.text_cues.parser import CueParseError, parse_cues
from mmteso.text_cues.parsing.noun_phrases import singular

pytest.importorskip('inflect')

TABLE = mmengine.load(Path(__file__).with_name('answers.yaml'))
EXAMPLES = int(os.environ.get('MMTESO_EXAMPLES', 300))
NAMES = AVSBENCH_CLASSES + SYNTHAVS_CLASSES[1:]


def parse(text, num_cues=4):
    """The cues, or None if the answer can't be parsed."""
    try:
        return parse_cues(text, num_cues)
    except CueParseError:
        return None


# The table --------------------------------------------------------------


def test_the_table_is_large_and_without_repetition():
    assert len(TABLE) >= 150
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


@pytest.mark.parametrize(
    'row', [row for row in TABLE if row.get('cues')],
    ids=lambda row: row['kind'])
def test_of_any_answer_the_first_cues_are_kept(row):
    assert parse_cues(row['text'], 1) == tuple(row['cues'])[:1]


# Any text ---------------------------------------------------------------

MARKUP = re.compile(r'\*\*|__|`|~~|<[^<>]*>')
FRAGMENTS = [
    'Answer:', 'Final answer:', 'Answer', 'Objects:', 'Groups:',
    'Sounding objects:', 'The sounding objects are', 'Explanation:', 'none',
    'None', 'There is no', 'nothing', 'can sound', 'cannot sound', 'is', 'are',
    'could be', 'dog', 'dogs', 'two men', 'the women', 'a guitar', 'hair-dryer',
    'people', "a man's voice", 'playing', 'barking', 'in the background',
    'because', 'which', 'and', 'or', ',', ';', ':', '.', '!', '(', ')', '[',
    ']', '{', '}', '"', "'", '“', '’', '、', '：', '。', '\n', '\n\n', '- ',
    '* ', '1. ', '2)', '• ', '**', '`', '```json', '```', '#', ' - ', '—',
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
    for shown in (text, MARKUP.sub('', text), MARKUP.sub(' ', text)):
        shown = re.sub('[\u200b\xad]', '', shown)
        shown = re.sub(r'[\s_\-‐-―]+', ' ', shown.casefold())
        found.update(re.findall(r'[^\W_]+', shown))
    return found


@settings(deadline=None, max_examples=EXAMPLES)
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


@settings(deadline=None, max_examples=EXAMPLES)
@given(answers)
def test_parsing_its_own_output_changes_nothing(text):
    cues = parse(text, 6)
    assume(cues)
    assert parse(', '.join(cues), 6) == cues
    assert parse('Answer: ' + ', '.join(cues), 6) == cues
    assert parse(json.dumps(cues), 6) == cues


@settings(deadline=None, max_examples=EXAMPLES)
@given(answers)
def test_fewer_cues_are_the_first_ones(text):
    cues = parse(text, 6)
    for num_cues in (1, 3):
        assert parse(text, num_cues) == (cues if cues is None else
                                         cues[:num_cues])
