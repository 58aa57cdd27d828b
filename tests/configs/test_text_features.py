# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from mmseg.registry import MODELS
from narrow import CONFIGS, load

NAMES = sorted(path.name for path in (CONFIGS / 'text_features').glob('*.py'))

assert 'imagebind.py' in NAMES


@pytest.mark.parametrize('name', NAMES)
def test_fields_are_the_encoders(name):
    """The weights are not here, so the arguments are looked at alone."""
    config = load(f'text_features/{name}').text_encoder
    encoder = MODELS.get(config.pop('type'))
    code = encoder.__init__.__code__
    assert set(config) <= set(code.co_varnames[1:code.co_argcount])
    # a hash knows no sentences
    assert config.get('template') == (
        None if name == 'hash.py' else 'This is a {cue}.')
    assert hasattr(encoder, 'provenance')
