# Copyright (c) mmteso contributors. All rights reserved.
import argparse

import pytest
from mmengine.config import DictAction

from mmteso.engine import add_cfg_options


def parse(*words):
    parser = argparse.ArgumentParser()
    add_cfg_options(parser, 'a.b=1')
    return parser.parse_args(['--cfg-options', *words]).cfg_options


@pytest.mark.parametrize('text', [
    '1', '0.5', '1e-3', 'true', 'None', 'name', "'name'", '"3"', '', ' 7 ',
    'a,b', '[a,b]', '[a, b]', 'a, b', '(1, 2)', '[(a, b), (c, d)]',
    '[/my data/a, b]', 'a=b'
])
def test_mmengines_values(text):
    """All but single values with a space in them."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--options', nargs='+', action=DictAction)
    theirs = parser.parse_args(['--options', f'x.y={text}']).options
    assert parse(f'x.y={text}') == theirs


@pytest.mark.parametrize('text', [
    'my data/avsbench', "'my data/avsbench'", ' my data/avsbench '
])
def test_spaces_in_a_single_value(text):
    assert parse('n=2', f'root={text}', 'list=[1, 2]') == dict(
        n=2, root='my data/avsbench', list=[1, 2])


def test_given_twice():
    parser = argparse.ArgumentParser()
    add_cfg_options(parser)
    args = parser.parse_args(
        ['--cfg-options', 'a=1', 'b=x y', '--cfg-options', 'b=2', 'c=3'])
    assert args.cfg_options == dict(a=1, b=2, c=3)
    assert parser.parse_args([]).cfg_options is None


@pytest.mark.parametrize('word', ['model', '=3'])
def test_no_pair(word, capsys):
    with pytest.raises(SystemExit):
        parse(word)
    assert f'takes key=value, but got {word!r}' in capsys.readouterr().err


@pytest.mark.parametrize('example, expected', [
    ('', 'override settings of the config. A list'),
    ('a.b=1', 'settings of the config, e.g. a.b=1. A list')
])
def test_help(example, expected):
    parser = argparse.ArgumentParser()
    add_cfg_options(parser, example)
    assert expected in ' '.join(parser.format_help().split())
