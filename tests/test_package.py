# Copyright (c) mmteso contributors. All rights reserved.
"""What the package promises as a whole."""
import ast
import importlib.util
import pkgutil
import re
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from processes import ROOT, run, run_python

import mmteso

FORBIDDEN = {'transformers', 'torchvggish', 'imagebind', 'torchvision'}
SOURCES = sorted((ROOT / 'mmteso').rglob('*.py'))
# import name -> name in requirements/*.txt, where they differ
DISTRIBUTIONS = {'PIL': 'pillow', 'yaml': 'pyyaml'}
OPENMMLAB = {'mmengine', 'mmcv', 'mmseg', 'mmdet'}


def imports(tree, deep):
    """Top-level packages that a file imports; deep: in functions too."""
    nodes = list(tree.body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name.split('.')[0]
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                yield node.module.split('.')[0]
        elif deep or not isinstance(node,
                                    (ast.FunctionDef, ast.AsyncFunctionDef)):
            # an import under if, try, with or class is at module level too
            nodes.extend(ast.iter_child_nodes(node))


def parse(path):
    return ast.parse(path.read_text(encoding='utf-8'), str(path))


def test_sources_are_found():
    assert len(SOURCES) > 30


@pytest.mark.parametrize(
    'path', SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_heavy_import_at_module_level(path):
    assert not FORBIDDEN & set(imports(parse(path), deep=False))


def test_the_check_above_sees_imports():
    tree = ast.parse('try:\n    import torchvision.io\n'
                     'except ImportError:\n    pass\n'
                     'def f():\n    from transformers import x\n')
    assert set(imports(tree, deep=False)) == {'torchvision'}
    assert set(imports(tree, deep=True)) == {'torchvision', 'transformers'}


def test_requirements_name_what_is_imported():
    declared = set()
    for file in (ROOT / 'requirements').glob('*.txt'):
        for line in file.read_text(encoding='utf-8').splitlines():
            name = re.match(r'[A-Za-z0-9_.-]+', line)
            if name:
                declared.add(name.group().lower())
    used = set()
    for path in SOURCES:
        used |= set(imports(parse(path), deep=True))
    used -= OPENMMLAB | set(sys.stdlib_module_names) | {'mmteso'}
    # `imagebind` is not on PyPI: used only where it is there already
    used -= {'imagebind'}
    missing = {
        name
        for name in used
        if DISTRIBUTIONS.get(name, name).lower() not in declared
    }
    assert not missing


def test_floors():
    """A room imports only from floors below it, or from itself."""
    floors = dict(
        structures=0,
        version=0,
        audio=1,
        io=1,
        ops=1,
        datasets=2,
        models=3,
        evaluation=4,
        visualization=4,
        text_cues=4,
        engine=5,
        apis=6)
    wrong = []
    for path in SOURCES:
        parts = path.relative_to(ROOT / 'mmteso').with_suffix('').parts
        if parts == ('__init__', ):
            continue
        room = parts[0]
        assert room in floors, f'{room}: which floor is it on?'
        for node in ast.walk(parse(path)):
            if not isinstance(node, ast.ImportFrom):
                continue
            if node.level:
                # relative to the package that holds the file
                base = ('mmteso', *parts[:-1])
                base = base[:len(base) - node.level + 1]
                target = '.'.join(base + ((node.module, ) if node.module else
                                          ()))
            else:
                target = node.module
            if not target.startswith('mmteso'):
                continue
            names = target.split('.')[1:2] or [n.name for n in node.names]
            for name in names:
                if name != room and name in floors and (floors[name] >=
                                                        floors[room]):
                    wrong.append(f'{path.name} ({room}) imports {name}')
    assert not wrong


def test_every_package_is_imported_by_mmteso():
    """So that `custom_imports = dict(imports=['mmteso'])` registers all."""
    # no registered classes there
    by_hand = {'mmteso.apis', 'mmteso.text_cues', 'mmteso.visualization'}
    packages = {
        module.name
        for module in pkgutil.iter_modules(mmteso.__path__, 'mmteso.')
        if module.ispkg
    }
    assert packages - by_hand <= set(sys.modules)


IMPORT_TIME = '''
import importlib.util, sys, time
# mmteso.ops alone, under another name, so that what follows can be imported
spec = importlib.util.spec_from_file_location(
    'ops_alone', {file!r}, submodule_search_locations=[{folder!r}])
module = importlib.util.module_from_spec(spec)
sys.modules['ops_alone'] = module
spec.loader.exec_module(module)
import mmseg.models, mmdet.models
# mmteso.ops steps aside for any extension; the process's own time, because
# other processes make the wall clock's longer
start = time.process_time()
import mmteso
print(time.process_time() - start)
'''


def test_import_time():
    """`import mmteso` adds under a second to what it builds upon."""
    folder = ROOT / 'mmteso' / 'ops'
    code = IMPORT_TIME.format(
        file=str(folder / '__init__.py'), folder=str(folder))
    assert float(run_python(code).stdout.splitlines()[-1]) < 1.0


def test_importing_starts_nothing():
    """No CUDA context, no default logger level, no network, no files."""
    output = run_python('''
import socket
def refuse(*args, **kwargs):
    raise AssertionError('network access')
socket.socket.connect = refuse
import mmteso, torch
assert not torch.cuda.is_initialized()
print('ok')
''')
    assert output.stdout.endswith('ok\n')


def test_no_file_names_a_machine():
    """Paths and hosts of whoever wrote it."""
    pattern = re.compile(r'(?<![\w.])/(work|home|root|farm|mnt)/|'
                         r'https?://(localhost|127\.|10\.|192\.168\.)')
    checked = 0
    for folder in ('mmteso', 'configs', 'tools', 'requirements'):
        for path in (ROOT / folder).rglob('*'):
            if path.suffix not in ('.py', '.sh', '.txt', '.yml', '.md'):
                continue
            if '.mim' in path.parts:
                continue
            checked += 1
            text = path.read_text(encoding='utf-8')
            assert not pattern.search(text), path
    assert checked > 50


@pytest.mark.slow
def test_wheel_and_sdist(tmp_path):
    """Both hold the configs and tools, and the wheel imports."""
    if importlib.util.find_spec('build') is None:
        pytest.skip('needs the package "build"')
    # from a copy, so that no build output lies in the checkout
    source = tmp_path / 'source'
    listed = run(['git', 'ls-files', '--cached', '--others',
                  '--exclude-standard'], check=False)
    if listed.returncode:
        pytest.skip('needs a git checkout')
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    # the wheel is built from the sdist
    run([sys.executable, '-m', 'build', '--no-isolation', source, '-o',
         tmp_path / 'dist'])
    sdist, = (tmp_path / 'dist').glob('*.tar.gz')
    wheel, = (tmp_path / 'dist').glob('*.whl')
    with tarfile.open(sdist) as archive:
        packed = {name.split('/', 1)[-1] for name in archive.getnames()}
    for name in ('LICENSE', 'constraints.txt', 'requirements/onedl.txt',
                 'configs/_base_/default_runtime.py', 'tools/dist_train.sh'):
        assert name in packed, name
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
        archive.extractall(tmp_path / 'site')
    config = 'mmteso/.mim/configs/teso/teso_swin-b_v1m.py'
    assert config in packed
    assert 'mmteso/.mim/tools/train.py' in packed
    assert not any(name.startswith(('tests/', 'configs/', 'tools/'))
                   for name in packed)
    # every data file of the package is there
    tracked = [
        name for name in listed.stdout.splitlines()
        if name.startswith('mmteso/') and (ROOT / name).is_file()
    ]
    assert set(tracked) <= packed
    output = run_python(
        f'''
import sys
sys.path.insert(0, {str(tmp_path / 'site')!r})
import mmteso
from mmengine.config import Config
config = Config.fromfile({str(tmp_path / 'site' / config)!r})
print(mmteso.__file__, config.model.type)
''',
        cwd=tmp_path)
    assert str(Path('site') / 'mmteso') in output.stdout
    assert 'AudioTextSegmentor' in output.stdout
