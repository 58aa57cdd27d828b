# Copyright (c) mmteso contributors. All rights reserved.
"""What the pages name is there: files, options, tests, headings, fields."""
import ast
import functools
import glob
import importlib
import inspect
import itertools
import math
import re
import shlex

import pandas as pd
import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import (DATASETS, LOOPS, METRICS, MODELS, OPTIM_WRAPPERS,
                            OPTIMIZERS, PARAM_SCHEDULERS, TRANSFORMS)
from processes import ROOT

from mmteso.tables import format_number
from mmteso.text_cues import CAPTIONERS, FRAME_SOURCES, REASONERS

PAGES = sorted(path.relative_to(ROOT).as_posix()
               for pattern in ('*.md', 'docs/**/*.md', 'configs/*/*.md',
                               'projects/*/*.md')
               for path in ROOT.glob(pattern) if '_build' not in path.parts)
# no promises: what was there once
PAGES.remove('CHANGELOG.md')
BLOCK = re.compile(r'^ *```(\S*)[^\n]*\n(.*?)^ *```', re.M | re.S)
OURS = ('configs/', 'docs/', 'findings/', 'mmteso/', 'projects/',
        'requirements/', 'tests/', 'tools/')
REGISTRIES = (DATASETS, LOOPS, METRICS, MODELS, OPTIM_WRAPPERS, OPTIMIZERS,
              PARAM_SCHEDULERS, TRANSFORMS, CAPTIONERS, FRAME_SOURCES,
              REASONERS)
# scripts that hand their options on
WRAPPED = {f'tools/{launcher}_{task}.sh': f'tools/{task}.py'
           for launcher in ('dist', 'slurm') for task in ('train', 'test')}


@functools.lru_cache(maxsize=None)
def read(page):
    return (ROOT / page).read_text(encoding='utf-8')


def prose(page):
    return BLOCK.sub('', read(page))


def inline_code(page):
    return re.findall(r'`([^`]+)`', prose(page).replace('``', ''))


def shell_lines(page):
    """Lines of the page's shell blocks, and commands within its text."""
    for language, block in BLOCK.findall(read(page)):
        if language == 'console':
            block = '\n'.join(re.findall(r'^ *\$ ((?:.*\\\n)*.*)', block,
                                         re.M))
        elif language not in ('bash', 'sh'):
            continue
        block = re.sub(r"<<'?(\w+)'?\n.*?^\1$", '', block, flags=re.M | re.S)
        yield from block.replace('\\\n', ' ').splitlines()
    for code in inline_code(page):
        if re.match(r'(\w+=\S+ )*(python|torchrun|make|\S+\.sh) ', code):
            yield re.sub(r'\s+', ' ', code)


def commands(page):
    """Simple commands as lists of words; loops over words are unrolled."""
    loops = {}
    for line in shell_lines(page):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        for is_end, words in itertools.groupby(
                lexer, lambda word: set(word) <= set('();<>|&')):
            words = list(words)
            if is_end:
                continue
            if words[0] == 'for':
                loops[words[1]] = words[3:]
                continue
            if words[0] == 'done':
                loops.clear()
            words = words[words[0] in ('do', 'done'):]
            if not words:
                continue
            for values in itertools.product(*loops.values()):
                filled = words
                for name, value in zip(loops, values):
                    filled = [re.sub(rf'\$({name}\b|{{{name}}})', value, word)
                              for word in filled]
                yield filled


@functools.lru_cache(maxsize=None)
def options_of(tool):
    """The options in a tool's source, and in the functions that add some."""
    tree = ast.parse(read(tool))
    found = {'-h', '--help'}
    adders = {node.name: node
              for shared in ('mmteso/command_line.py',
                             'mmteso/testbeds/command_line.py',
                             'tools/benchmarks/turns.py')
              for node in ast.parse(read(shared)).body
              if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in adders:
            found |= _added(adders[node.func.id])
    return found | _added(tree)


def _added(tree):
    return {arg.value for node in ast.walk(tree) if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute) and node.func.attr ==
            'add_argument' for arg in node.args
            if isinstance(arg, ast.Constant)
            and str(arg.value).startswith('-')}


def assert_there(path, page='README.md'):
    """Of `a/{b,c}.py`, `a/*.py`, `a/test_b.py::test_c`.

    Relative to the repository or to the page.
    """
    path, _, test = path.partition('::')
    alternatives = re.findall(r'\{([^{}]*)\}', path)
    pattern = re.sub(r'\{[^{}]*\}', '{}', path)
    for chosen in itertools.product(*(a.split(',') for a in alternatives)):
        name = pattern.format(*chosen)
        assert any(glob.glob(str(root / name))
                   for root in (ROOT, (ROOT / page).parent)), name
    if test:
        assert re.search(rf'def {test.partition("[")[0]}\b', read(path)), test


@pytest.mark.parametrize('page', PAGES)
def test_commands(page):
    targets = re.findall(r'^([\w-]+):', read('Makefile'), re.M)
    for words in commands(page):
        names = [word for word in words if word.startswith(OURS)]
        for name in names:
            if '$' not in name:
                assert_there(name, page)
        if words[0] == 'make':
            for word in words[1:]:
                assert '=' in word or word in targets, words
        for place, word in enumerate(words):
            if not re.fullmatch(r'tools/\S+\.(py|sh)', word):
                continue
            known = options_of(WRAPPED.get(word, word))
            for option in words[place + 1:]:
                if re.match('--?[a-z]', option):
                    assert option.partition('=')[0] in known, (word, option)


@pytest.mark.parametrize('page', PAGES)
def test_names(page):
    """Files, tests and modules in the text."""
    for code in inline_code(page):
        if re.fullmatch(rf'({"|".join(OURS)})[^\s<>]+', code):
            if '...' not in code:
                assert_there(code, page)
        elif re.fullmatch(r'mmteso(\.\w+)+', code):
            assert_importable(code)


def assert_importable(name):
    parts = name.split('.')
    value = importlib.import_module(parts[0])
    for place, part in enumerate(parts[1:], 2):
        if not hasattr(value, part):
            importlib.import_module('.'.join(parts[:place]))
        value = getattr(value, part)


def anchors(page):
    """As GitHub and MyST make them of headings."""
    found = set()
    for heading in re.findall(r'^#+ (.*)', BLOCK.sub('', read(page)), re.M):
        text = re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', heading).lower()
        found.add(re.sub(r'[^\w\- ]', '', text).replace(' ', '-'))
    return found


@pytest.mark.parametrize('page', PAGES)
def test_links(page):
    """To files, to headings, and [`a class`](of a file)."""
    for name, target in re.findall(r'(?:\[`([\w.]+)`)?\]\(([^)\s]+)\)',
                                   prose(page)):
        if re.match(r'(https?|mailto):', target):
            continue
        path, _, anchor = target.partition('#')
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        if name and file.suffix == '.py' and name != file.name:
            assert re.search(rf'(class|def) {name}\b',
                             file.read_text(encoding='utf-8')), name
        if anchor:
            other = file.resolve().relative_to(ROOT).as_posix()
            assert anchor in anchors(other), target


@pytest.mark.parametrize('page', PAGES)
def test_tables(page):
    """A row has as many cells as its table's head."""
    for table in re.findall(r'(?:^\|.*\n)+', prose(page), re.M):
        assert len({len(re.split(r'(?<!\\)\|', row))
                    for row in table.splitlines()}) == 1, table


@functools.lru_cache(maxsize=None)
def load(config):
    return Config.fromfile(ROOT / config)._cfg_dict


@pytest.mark.parametrize('page', PAGES)
def test_cfg_options(page):
    for words in commands(page):
        configs = [word for word in words
                   if re.fullmatch(r'(configs|projects)/[^$*]+\.py', word)]
        if '--cfg-options' not in words or not configs:
            continue
        given = words[words.index('--cfg-options') + 1:]
        for word in itertools.takewhile(lambda w: w[0] != '-', given):
            if '=' in word:  # no variable of the shell
                assert_field(configs[0], word.partition('=')[0])


def test_fields_of_the_method():
    fields = re.findall(r'`(model\.[\w.]+|test_evaluator)`',
                        read('docs/method.md'))
    assert len(fields) > 15
    for field in fields:
        assert_field('configs/teso/teso_swin-b_v1m.py', field)
    with pytest.raises(AssertionError):
        assert_field('configs/teso/teso_swin-b_v1m.py', 'model.latent_loss.t')


def assert_field(config, field):
    """It stands in the config, or is an argument of the class there."""
    value = load(config)
    known = set(value) | set(inspect.signature(Runner.__init__).parameters)
    for key in field.split('.'):
        if isinstance(value, list):
            value = value[int(key)]
        else:
            assert key in known, (config, field)
            value = value.get(key)
        if value is None or field.startswith('default_hooks.'):
            return  # what isn't there can't be looked into
        known = set(value) if isinstance(value, dict) else set()
        if 'type' in known:
            known |= arguments(value['type'])


def arguments(name):
    cls = next(filter(None, (registry.get(name) for registry in REGISTRIES)))
    return {argument for base in cls.__mro__[:-1]
            for argument in inspect.signature(base.__init__).parameters}


def test_every_page_is_in_the_index():
    index = re.findall(r'^([\w/]+)$', read('docs/index.md'), re.M)
    found = [page[5:-3] for page in PAGES if page.startswith('docs/')]
    assert sorted([*index, 'index']) == sorted(found)


@pytest.mark.parametrize('testbed', ['SynthAVS', 'Cutouts'])
def test_peers_numbers_are_those_of_the_record(testbed):
    """Cell by cell, with the deviation, in the record's order."""
    record = pd.read_csv(ROOT / f'docs/peers/{testbed.lower()}.csv',
                         index_col='model')
    section = read('docs/peers.md').split(f'## {testbed}, with')[1]
    head, _, *rows = (
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in section.split('\n## ')[0].splitlines()
        if line.startswith('|'))
    columns = ['J', 'F', *(f'J: {sound}' for sound in (
        'mute', 'wgn-10db', 'wgn-40db', 'off-screen')), 'FPR (%): off-screen',
               'parameters (M)', 'FLOPs (G)', 'frames/s']
    assert len(head) == 1 + len(columns)
    expected = []
    for model, numbers in record.iterrows():
        cells = [format_number(numbers[column]) for column in columns]
        for i, column in enumerate(columns):
            deviation = numbers.get(f'{column} (sd)', math.nan)
            if not math.isnan(deviation):
                cells[i] += f' ± {deviation:.2f}'
        expected.append([model, *cells])
    assert rows == expected
