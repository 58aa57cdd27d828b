# Copyright (c) mmteso contributors. All rights reserved.
import argparse

import pytest
from processes import ROOT, run_python

from mmteso.command_line import add_cfg_options


def parse(*words):
    parser = argparse.ArgumentParser()
    add_cfg_options(parser, 'a.b=1')
    return parser.parse_args(['--cfg-options', *words]).cfg_options


@pytest.mark.parametrize('text', ['my data/avsbench', "'my data/avsbench'"])
def test_spaces_in_a_single_value(text):
    """All others are as mmengine reads them."""
    assert parse('n=2', f'root={text}', 'list=[1, 2]', 'nested=[(a, b),(c,d)]',
                 'paths=[/my data/a, b]') == dict(
        n=2, root='my data/avsbench', list=[1, 2],
        nested=[('a', 'b'), ('c', 'd')], paths=['/mydata/a', 'b'])


def test_an_option_without_value(capsys):
    with pytest.raises(SystemExit):
        parse('n=2', 'root')
    assert "'root' is not KEY=VALUE" in capsys.readouterr().err


def test_tools_read_their_arguments_first():
    """Help and mistakes come before what takes seconds to import."""
    tools = sorted(str(path) for path in (ROOT / 'tools').rglob('*.py')
                   if 'parse_args' in path.read_text(encoding='utf-8'))
    assert len(tools) > 20
    output = run_python(f'''
import os, runpy, sys
def ends(*words):
    sys.argv = [*words]
    sys.path[0] = os.path.dirname(words[0])
    try:
        runpy.run_path(words[0], run_name='__main__')
    except SystemExit as error:
        return error.code
for tool in {tools!r}:
    assert ends(tool, '--help') == 0, tool
    assert ends(tool, '--no-such-option') == 2, tool
assert ends({tools[-1]!r}, 'no-such-config.py') == 2
print(*sorted({{'torch', 'mmengine', 'numpy'}} & set(sys.modules)), 'end')
''')
    assert output.stdout.splitlines()[-1].strip() == 'end'
    assert 'there is no file no-such-config.py' in output.stderr
