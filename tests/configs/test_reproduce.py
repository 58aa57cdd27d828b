# Copyright (c) mmteso contributors. All rights reserved.
"""The commands of docs/reproduce.md: what they name is there."""
import ast
import re
import shlex
from argparse import ArgumentParser
from functools import lru_cache

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS
from records import ROOT, all_numbers, as_printed, models, results

from mmteso.engine import add_cfg_options, merge_cfg_options
from mmteso.evaluation import AVSMetric

TEXT = (ROOT / 'docs' / 'reproduce.md').read_text(encoding='utf-8')
# what is no tool of ours, and how many words its own part of a command has
LAUNCHERS = {'python': 1, 'torchrun': 3}


def expand(block):
    """The block's commands, loops unrolled, as lists of words."""
    block = block.replace('\\\n', ' ')
    while True:
        loop = re.search(r'for (\w+) in ([^;\n]+); do\n(.*?)\ndone', block,
                         re.S)
        if not loop:
            break
        name, values, body = loop.groups()
        block = block.replace(
            loop.group(0), '\n'.join(
                body.replace(f'${name}', value) for value in values.split()))
    for line in block.splitlines():
        words = shlex.split(line, comments=True)
        while words and re.match(r'[A-Z_]+=', words[0]):
            del words[0]
        if words:
            yield words


COMMANDS = [
    words for block in re.findall(r'```bash\n(.*?)```', TEXT, re.S)
    for words in expand(block)
]


@lru_cache(maxsize=None)
def options_of(tool):
    """The options that a tool's source gives its parser."""
    path = ROOT / tool
    if path.suffix == '.sh':
        path = path.with_name(path.stem.replace('dist_', '') + '.py')
    source = path.read_text(encoding='utf-8')
    found = {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        and re.fullmatch('--[a-z][a-z-]+', node.value)
    }
    if 'add_cfg_options(' in source:
        found.add('--cfg-options')
    return found


def read(words):
    """(tool, options, values of --cfg-options, other words)."""
    words = words[LAUNCHERS.get(words[0], 0):]
    tool, *rest = words
    options = [word for word in rest if word.startswith('--')]
    pairs, others, in_pairs = [], [], False
    for word in rest:
        if word.startswith('--'):
            in_pairs = word == '--cfg-options'
        elif in_pairs:
            pairs.append(word)
        else:
            others.append(word)
    return tool, options, pairs, others


@pytest.mark.parametrize(
    'words', COMMANDS, ids=[f'{i}' for i in range(len(COMMANDS))])
def test_tools_options_and_configs_exist(words):
    tool, options, _, others = read(words)
    assert (ROOT / tool).is_file(), words
    unknown = set(options) - options_of(tool)
    assert not unknown, f'{tool} has no {unknown}'
    configs = [word for word in others if word.startswith('configs/')]
    for config in configs:
        assert (ROOT / config).is_file(), config
    if re.search(r'(train|test)\.(py|sh)$', tool):
        assert configs


def test_the_commands_are_found():
    """That is, the test above looks at something."""
    tools = {read(words)[0] for words in COMMANDS}
    assert {
        'tools/train.py', 'tools/test.py', 'tools/dist_train.sh',
        'tools/dist_test.sh', 'tools/run_ablations.py',
        'tools/generate_text_cues.py', 'tools/prepare_synthavs_v3.py',
        'tools/analysis_tools/preference_report.py'
    } <= tools
    assert len(COMMANDS) > 80
    assert '--no-such-option' not in options_of('tools/test.py')
    assert '--audio-out' in options_of('tools/dist_test.sh')


def test_synthavs_is_made_before_it_is_read():
    """By an earlier command, in the folder that the config reads."""
    made, seen = set(), 0
    for words in COMMANDS:
        tool, _, pairs, others = read(words)
        if tool == 'tools/prepare_synthavs.py':
            made.add(others[0])
        for path in others:
            if 'synthavs' not in path or not path.startswith('configs/'):
                continue
            roots = set(
                re.findall(r"data_root': '(data/synthavs[\w-]*)'",
                           str(Config.fromfile(ROOT / path).to_dict())))
            assert roots and roots <= made, (path, roots)
            seen += 1
    assert seen > 15


def test_settings_of_the_config_exist():
    """--cfg-options overrides what is there, cues those of LoadTextCues."""
    seen = 0
    for words in COMMANDS:
        tool, _, pairs, others = read(words)
        if not pairs:
            continue
        path, = [word for word in others if word.startswith('configs/')]
        config = Config.fromfile(ROOT / path)
        for pair in pairs:
            *parents, last = pair.partition('=')[0].split('.')
            place = config
            for name in parents:
                place = place[int(name) if name.isdigit() else name]
            if last == 'cue_file':
                assert place.type == 'LoadTextCues', pair
            # an argument that the class has by default need not be there
            assert last in place or 'type' in place, pair
            seen += 1
    assert seen > 40
    config = Config.fromfile(ROOT / 'configs/teso/teso_swin-b_v1m.py')
    init_default_scope('mmseg')
    for options in (dict(type='CueRecognitionMetric'),
                    dict(protocol='avsbench', group_size=5)):
        words = [f'test_evaluator.{k}={v}' for k, v in options.items()]
        assert ' '.join(words) in re.sub(r'\s+', ' ', TEXT)
        METRICS.build({**config.test_evaluator, **options})


def test_protocols():
    """The options give what their row of the table says."""
    init_default_scope('mmseg')
    rows = [[cell.strip(' `') for cell in line.split('|')]
            for line in TEXT.splitlines() if '| `test_evaluator.' in line]
    assert len(rows) == 6
    for _, _, threshold, group, size, options, _ in rows:
        config = Config.fromfile(ROOT / 'configs/teso/teso_swin-b_v1m.py')
        parser = ArgumentParser()
        add_cfg_options(parser)
        arguments = parser.parse_args(['--cfg-options', *options.split()])
        merge_cfg_options(config, arguments.cfg_options)
        metric = METRICS.build(config.test_evaluator)
        if not isinstance(metric, AVSMetric):
            assert isinstance(metric, IoUMetric)
            continue
        frames = re.search(r'(\d+) frames', group)[1]
        for part in (f'J at score > {threshold},',
                     f'per batch of {frames} frames', f'at {size}'
                     if size != 'own' else "the ground truth's own size"):
            assert part in metric.describe(), options


def test_every_row_is_trained_and_every_number_is_there():
    """Configs with a number of the paper are in a training command."""
    commands = [read(words) for words in COMMANDS]
    trained = {
        word
        for tool, _, _, others in commands if 'train' in tool
        for word in others if word.startswith('configs/')
    }
    for model in models():
        if results(model):
            assert model['Config'] in trained, model['Config']
    generated = {
        word
        for tool, _, _, others in commands if tool.endswith('_cues.py')
        for word in others if word.startswith('configs/')
    }
    mentioned = set(re.findall(r'`(configs/[\w./-]+\.py)`', TEXT))
    assert {path for path in mentioned if 'text_cues' in path} <= generated
    for path in mentioned:
        assert (ROOT / path).is_file(), path
    missing = [
        number for metrics in all_numbers() for key, value in metrics.items()
        for number in [
            f'{value:.3f}'.lstrip('0') if key == 'Paper F' else f'{value:.2f}'
        ] if number not in TEXT
    ]
    assert not missing


def test_numbers_beside_a_config_are_its_own():
    """In the tables with a column of configs."""
    by_config = {model['Config']: model for model in models()}
    count = 0
    for line in TEXT.splitlines():
        paths = re.findall(r'`(configs/[\w./-]+\.py)`', line)
        numbers = set(re.findall(r'(?<![\d.])\d\d\.\d\d|(?<!\d)\.\d{3}', line))
        if not line.startswith('|') or not paths:
            continue
        path, = paths
        if 'text_cues' in path:
            name = path.rsplit('/', 1)[-1][:-3]
            model = by_config['configs/teso/teso_swin-b_v1m.py']
            own = [
                metrics for where, metrics in results(model)
                if re.search(rf', cues {name}(,|$)', where) or
                (name == 'teso' and where == 'AVSBench V1M')
            ]
        else:
            own = [metrics for _, metrics in results(by_config[path])]
        allowed = {
            number
            for metrics in own for key, value in metrics.items()
            for number in (f'{value:.2f}', as_printed({key: value}, 'Paper '))
        }
        assert numbers and numbers <= allowed, line
        count += 1
    assert count >= 25
