# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from mmengine.config import Config
from narrow import load

from mmteso.io import parse_config_text


def plain(value):
    """What a config holds, as JSON would have it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


@pytest.mark.parametrize('name', ['teso/teso_swin-b_v1m.py',
                                  'combinations/fusion-knet_r18_synthavs.py',
                                  'text_cues/teso.py'])
@pytest.mark.parametrize('laid_out', [False, True])
def test_what_mmengine_writes(name, laid_out):
    cfg = load(name)
    values = cfg.to_dict()
    values['odd'] = dict({'a key': -1.5, 3: None}, of=({}, [], (1, ), 'it\'s'))
    text = Config(values, format_python_code=laid_out).pretty_text
    assert parse_config_text(text) == plain(values)


def test_classes_and_constants_are_text():
    assert parse_config_text('a = [dict(type=package.Class)]\nb = inf\n') == \
        dict(a=[dict(type='package.Class')], b='inf')


def test_nothing_is_executed(tmp_path):
    target = tmp_path / 'target'
    call = f"__import__('pathlib').Path({str(target)!r}).touch()"
    values = parse_config_text(f'{call}\na = {call}\nb = dict(c=[{call}])\n'
                               f'def dict(**_): {call}\nclass d: e = {call}\n')
    assert not target.exists()
    assert values == dict(a=call, b=dict(c=[call]))


@pytest.mark.parametrize('text', ['a = (', 'a = 1\n\0', '(' * 5000])
def test_no_config(text):
    with pytest.raises(ValueError, match='no text of a config'):
        parse_config_text(text)
