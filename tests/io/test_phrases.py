# Copyright (c) mmteso contributors. All rights reserved.
import pytest

from mmteso.io import normalize_phrase


@pytest.mark.parametrize('phrase', ['emergency-car', 'Emergency Car',
                                    ' emergency_car\n', 'EMERGENCY  -  CAR',
                                    'emergency–car', 'emergency\tcar'])
def test_case_space_and_separators_do_not_matter(phrase):
    assert normalize_phrase(phrase) == 'emergency car'


def test_everything_else_does():
    phrases = ['dog', 'dogs', 'a dog', 'hot dog', 'hotdog', 'd.o.g']
    assert len({normalize_phrase(phrase) for phrase in phrases}) == 6
    assert normalize_phrase(' - _ ') == ''
