# Copyright (c) mmteso contributors. All rights reserved.
"""What the package promises as a whole."""
import ast
import importlib.metadata
import importlib.util
import os
import pkgutil
import re
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from processes import ROOT, run, run_python

import mmteso
from mmteso.io import parse_yaml

FORBIDDEN = {
    'transformers', 'torchvggish', 'imagebind', 'torchvision', 'nltk',
    'inflect', 'httpx', 'tenacity', 'speechbrain', 'torchaudio', 'tensorflow',
    'huggingface_hub'
}
SOURCES = sorted((ROOT / 'mmteso').rglob('*.py'))
TOOLS = sorted((ROOT / 'tools').rglob('*.py'))
TESTS = sorted((ROOT / 'tests').rglob('*.py'))
# import name -> name in requirements/*.txt, where they differ
DISTRIBUTIONS = {'PIL': 'pillow', 'yaml': 'pyyaml'}
OPENMMLAB = {'mmengine', 'mmcv', 'mmseg', 'mmdet'}
# what the functions of a room may import beside requirements/runtime.txt
ROOM_EXTRAS = {
    'mmteso/apis': ('text', ),
    'mmteso/audio': ('audio', ),
    'mmteso/io': ('text', ),
    'mmteso/models/audio_encoders': ('audio', 'text', 'beats'),
    'mmteso/models/backbones': ('text', ),
    'mmteso/models/sam': ('text', ),
    'mmteso/models/text_encoders': ('text', ),
    'mmteso/text_cues': ('text', ),
}
# used only where they are there already: `imagebind` is not on PyPI,
# tensorflow reads one old checkpoint
ELSEWHERE = {'imagebind', 'tensorflow'}
# paths and hosts of whoever wrote a file
MACHINE = re.compile(r'(?<![\w.])/(work|home|root|farm|mnt|Users)/|'
                     r'\b[A-Z]:\\Users\\|file:/{3}|'
                     r'https?://(localhost|127\.|10\.|192\.168\.)')


def imports(tree, deep):
    """Top-level packages that a file imports; deep: in functions too."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    nodes = list(tree.body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name.split('.')[0]
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                yield node.module.split('.')[0]
        elif deep or not isinstance(node, functions):
            if isinstance(node, ast.Call) and node.args:
                called = ast.unparse(node.func).split('.')[-1]
                name = getattr(node.args[0], 'value', None)
                if (called in ('import_module', '_import')
                        and isinstance(name, str)):
                    yield name.split('.')[0]
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
                     'def f():\n    from transformers import x\n'
                     'def g():\n    importlib.import_module("soxr.core")\n'
                     'h = lambda: _import("soundfile")\n')
    assert set(imports(tree, deep=False)) == {'torchvision'}
    assert set(imports(tree, deep=True)) == {
        'torchvision', 'transformers', 'soxr', 'soundfile'
    }


def declared(*names):
    """Names of the distributions in requirements/<name>.txt."""
    found = set()
    for name in names:
        file = ROOT / 'requirements' / f'{name}.txt'
        for line in file.read_text(encoding='utf-8').splitlines():
            match = re.match(r'[A-Za-z0-9_.-]+', line)
            if match:
                found.add(match.group().lower())
    return found


def distributions(path, deep):
    """Names on PyPI of what a file imports from outside of the project."""
    own = {'mmteso', *(test.stem for test in TESTS)}
    return {
        DISTRIBUTIONS.get(name, name).lower()
        for name in imports(parse(path), deep)
        if name not in OPENMMLAB | own | set(sys.stdlib_module_names)
    }


@pytest.mark.parametrize(
    'path', SOURCES + TOOLS, ids=lambda path: str(path.relative_to(ROOT)))
def test_requirements_name_what_is_imported(path):
    """So that no extra is needed to import, and the right one to use."""
    assert distributions(path, deep=False) <= declared('runtime')
    name = path.relative_to(ROOT).as_posix()
    extras = {
        extra
        for room, names in ROOM_EXTRAS.items() if name.startswith(f'{room}/')
        for extra in names
    }
    assert distributions(
        path, deep=True) - ELSEWHERE <= declared('runtime', *extras)


def test_requirements_name_what_the_tests_import():
    """`make test` installs these; a test may ask for 'text' and skip."""
    extras = ('runtime', 'audio', 'test')
    for path in TESTS:
        assert distributions(path, deep=False) <= declared(*extras), path
        # a test asks for these and skips
        assert distributions(path, deep=True) - ELSEWHERE <= declared(
            *extras, 'text', 'beats'), path


def test_runtime_requirements_are_imported():
    used = set()
    for path in SOURCES + TOOLS:
        used |= distributions(path, deep=True)
    assert declared('runtime') <= used


def test_either_openmmlab_extra_provides_openmmlab():
    """And the README says that one of them is to be chosen."""
    assert {
        'onedl-mmengine', 'onedl-mmcv', 'onedl-mmsegmentation',
        'onedl-mmdetection'
    } <= declared('onedl')
    assert {'mmengine', 'mmcv-lite', 'mmsegmentation',
            'mmdet'} <= declared('openmmlab')
    readme = (ROOT / 'README.md').read_text(encoding='utf-8')
    assert "'.[onedl," in readme and "'.[openmmlab," in readme


def test_pins_suit_every_python():
    """A pin holds for each Python of setup.py, or says for which."""
    pythons = re.findall(r'Python :: (3\.\d+)',
                         (ROOT / 'setup.py').read_text(encoding='utf-8'))
    assert len(pythons) == 3
    checked = 0
    for line in (ROOT / 'constraints.txt').read_text(
            encoding='utf-8').splitlines():
        if not line or line.startswith('#'):
            continue
        pin = Requirement(line)
        try:
            found = importlib.metadata.distribution(pin.name)
        except importlib.metadata.PackageNotFoundError:
            continue  # of the other OpenMMLab distribution
        if not pin.specifier.contains(found.version):
            continue  # an environment of other versions
        needs = SpecifierSet(found.metadata['Requires-Python'] or '')
        for python in pythons:
            if pin.marker is None or pin.marker.evaluate(
                    dict(python_version=python)):
                # a late patch release: some need more than X.Y.0
                assert needs.contains(f'{python}.10'), (line, python)
        checked += 1
    if not checked:
        pytest.skip('no package here has the version in constraints.txt')


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
        testbeds=4,
        engine=5,
        apis=6,
        analysis=7)
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
    by_hand = {
        'mmteso.analysis', 'mmteso.apis', 'mmteso.testbeds',
        'mmteso.text_cues', 'mmteso.visualization'
    }
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


def tracked_files():
    """What git tracks, or None where there is no git or checkout."""
    if shutil.which('git') is None or not (ROOT / '.git').exists():
        return None
    names = run(['git', 'ls-files', '-z']).stdout.split('\0')
    return {name for name in names if name and (ROOT / name).is_file()}


def walked_files():
    """The same without git: all files but the usual build outputs."""
    outputs = {
        '.git', '.mim', '.hypothesis', '.pytest_cache', '__pycache__',
        '.dist_test'
    }
    # these only at the top
    top = {'build', 'checkpoints', 'data', 'dist', 'work_dirs'}
    found = set()
    for folder, folders, files in os.walk(ROOT):
        folder = Path(folder)
        folders[:] = [
            name for name in folders
            if name not in outputs and not name.startswith('.venv')
            and not name.endswith('.egg-info') and not (
                folder == ROOT and name in top)
        ]
        found |= {(folder / name).relative_to(ROOT).as_posix()
                  for name in files}
    return found


def test_files_are_found_without_git():
    tracked = tracked_files()
    if tracked is None:
        pytest.skip('needs a git checkout')
    assert tracked <= walked_files()


@pytest.mark.parametrize('parts', [('', 'home', 'me', 'x'), ('see "', 'mnt',
                                                             'x'),
                                   ('http:', '', 'localhost:8080'),
                                   ('https:', '', '10.0.0.1'),
                                   ('file:', '', '', 'x')])
def test_the_check_below_sees_machines(parts):
    assert MACHINE.search('/'.join(parts))


def test_no_file_names_a_machine():
    """None of the text files: code, configs, tests, README, Makefile..."""
    names = tracked_files()
    if names is None:
        names = walked_files()
    checked = set()
    for name in sorted(names):
        try:
            text = (ROOT / name).read_text(encoding='utf-8')
        except UnicodeDecodeError:
            continue  # an image, a font or the like
        found = MACHINE.search(text)
        assert not found, f'{name}: {found.group()}'
        checked.add(name)
    assert {
        'README.md', 'Makefile', 'setup.py', '.ci/run', 'tools/train.py',
        'tests/test_package.py'
    } <= checked


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
    built = run([sys.executable, '-m', 'build', '--no-isolation', source,
                 '-o', tmp_path / 'dist'])
    # MANIFEST.in names nothing that does not exist
    assert 'no files found' not in built.stdout + built.stderr
    sdist, = (tmp_path / 'dist').glob('*.tar.gz')
    wheel, = (tmp_path / 'dist').glob('*.whl')
    with tarfile.open(sdist) as archive:
        packed = {name.split('/', 1)[-1] for name in archive.getnames()}
    # packages of their own
    assert not any(name.startswith('projects') for name in packed)
    for name in ('LICENSE', 'constraints.txt', 'model-index.yml',
                 'requirements/onedl.txt',
                 'configs/_base_/default_runtime.py', 'tools/dist_train.sh'):
        assert name in packed, name
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
        archive.extractall(tmp_path / 'site')
    config = 'mmteso/.mim/configs/teso/teso_swin-b_v1m.py'
    assert config in packed
    assert 'mmteso/.mim/tools/train.py' in packed
    # mim's list of models, which names files beside it
    index = tmp_path / 'site' / 'mmteso' / '.mim' / 'model-index.yml'
    for name in parse_yaml(index.read_bytes())['Import']:
        assert (index.parent / name).is_file()
    # nor do the projects' packages come along
    assert {name.split('/')[0]
            for name in packed} == {
                'mmteso', f'mmteso-{mmteso.__version__}.dist-info'
            }
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
