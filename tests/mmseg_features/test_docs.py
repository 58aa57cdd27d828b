# Copyright (c) mmteso contributors. All rights reserved.
"""docs/mmseg_features.md: what it names is there."""
import ast
import re
import shlex

import pytest
from records import ROOT

TEXT = (ROOT / 'docs' / 'mmseg_features.md').read_text(encoding='utf-8')
NAMED = sorted(set(re.findall(r'`(tests/[\w/]+\.py)::(\w+)`', TEXT)))
ROWS = [line for line in TEXT.splitlines()
        if line.startswith('| ') and not line.startswith('| feature')
        and line.count('|') == 4]
# what the issue asks for
FEATURES = ('slide inference', 'test-time augmentation', 'reduce_zero_label',
            'class-balanced sampling', 'EMA', 'early stopping', 'DumpResults',
            'auxiliary heads', 'get_flops', '--tta', '--show-dir',
            '--cfg-options')


def functions(path):
    tree = ast.parse((ROOT / path).read_text(encoding='utf-8'))
    return {
        node.name: [ast.unparse(item) for item in node.decorator_list]
        for node in tree.body if isinstance(node, ast.FunctionDef)
    }


@pytest.mark.parametrize('path, name', NAMED)
def test_named_tests_exist(path, name):
    """Those marked slow, and no others, are."""
    assert name.startswith('test_')
    slow = any('slow' in item for item in functions(path)[name])
    assert slow == (f'`{path}::{name}` (slow)' in TEXT)


def test_each_feature_has_its_row():
    assert len(ROWS) >= 30 and len(NAMED) >= 40
    for row in ROWS:
        feature, ended, test = (cell.strip() for cell in row.split('|')[1:4])
        assert re.match(r'(works|ours|no)\b', ended), row
        assert '::test_' in test or test == 'tried by hand', row
    features = '\n'.join(row.split('|')[1] for row in ROWS)
    for name in FEATURES:
        assert name in features


def test_tools_and_their_options_exist():
    found = 0
    for block in re.findall(r'```bash\n(.*?)```', TEXT, re.S):
        for line in block.replace('\\\n', ' ').splitlines():
            _, tool, *words = shlex.split(line, comments=True)
            source = (ROOT / tool).read_text(encoding='utf-8')
            for word in words:
                if word.startswith('--'):
                    assert f"'{word}'" in source or \
                        word == '--cfg-options' and 'add_cfg_options' in source
                    found += 1
    assert found >= 8


def test_the_table_of_flops_adds_up():
    rows = re.findall(r'^\| (\w+) +\| +([\d.]+) \| +([\d.]+) \| +([\d.]+) \|$',
                      TEXT, re.M)
    *parts, total = [[float(x) for x in row[1:]] for row in rows]
    assert len(parts) == 4 and rows[-1][0] == 'total'
    for column, value in zip(zip(*parts), total):
        assert sum(column) == pytest.approx(value, abs=0.0021)
