# Copyright (c) mmteso contributors. All rights reserved.
import pytest

from mmteso.text_cues.parsing.denials import find_denial


@pytest.mark.parametrize('text, start, of_all', [
    ('bicycles but they are silent', 9, True),
    ("but it's not making a sound", 0, False),
    (' although both cannot be heard', 1, True),
    ('the guitar which is not being played', 11, False),
])
def test_a_clause_that_denies_is_found(text, start, of_all):
    assert find_denial(text) == (start, of_all)


@pytest.mark.parametrize('text', [
    '', 'silent film', 'but not the cat', 'but it could be silent',
    'but it is not the only sound', 'but it is not certain',
    'but they are silently moving', 'the dog which is barking',
])
def test_other_clauses_deny_nothing(text):
    assert find_denial(text) is None
