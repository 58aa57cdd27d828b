# Copyright (c) mmteso contributors. All rights reserved.
"""What the package promises as a whole."""
import importlib.metadata
import importlib.util
import re
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from mmseg.registry import MODELS
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from processes import ROOT, run, run_python

import mmteso
from mmteso.io import read_yaml

EXTRAS = ('audio', 'beats', 'text')
# paths and hosts of whoever wrote a file
MACHINE = re.compile(r'(?<![\w.])/(work|home|root|farm|mnt|Users)/|'
                     r'\b[A-Z]:\\Users\\|file:/{3}|'
                     # but a server that the script itself starts
                     r'https?://(localhost(?!:[${])|127\.|10\.|192\.168\.)')


def requirements(name):
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    lines = [line.split('#')[0].strip() for line in lines]
    return {Requirement(line).name for line in lines if line}


def tracked_files():
    """Paths of what git tracks and of new files that it doesn't ignore."""
    if shutil.which('git') is None or not (ROOT / '.git').exists():
        pytest.skip('needs a git checkout')
    names = run(['git', 'ls-files', '-z', '--cached', '--others',
                 '--exclude-standard']).stdout.split('\0')
    return [name for name in names if name and (ROOT / name).is_file()]


def test_imports_without_optional_packages():
    """All of it, and without network or a look at a GPU."""
    # names of packages are those of their modules here, but for 'jinja2'
    optional = {name for extra in EXTRAS for name in requirements(extra)}
    run_python(f'''
import pkgutil, socket, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {optional | {'imagebind', 'torchvision'}!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
def refuse(*args):
    raise AssertionError('network access')
socket.socket.connect = refuse
import mmteso, torch
for module in pkgutil.walk_packages(mmteso.__path__, 'mmteso.'):
    __import__(module.name)
assert not torch.cuda.is_initialized()
''')


def test_extras_hold_what_is_required():
    """``require('soundfile', 'audio')``: soundfile is in audio.txt."""
    found = []
    for path in (ROOT / 'mmteso').rglob('*.py'):
        found += re.findall(r"require\(\s*'([\w.]+)',\s*'(\w+)'\)",
                            path.read_text(encoding='utf-8'))
    assert len(found) > 5
    for module, extra in found:
        name = module.split('.')[0].replace('_', '-')
        known = {name.replace('_', '-') for name in requirements(extra)}
        assert name in known, (module, extra)


def test_importing_registers_everything():
    """`custom_imports = dict(imports=['mmteso'])` is enough."""
    MODELS.get('TeSOHead')
    for room in ('datasets', 'models', 'evaluation', 'engine'):
        for path in (ROOT / 'mmteso' / room).rglob('*.py'):
            if '.register_module(' in path.read_text(encoding='utf-8'):
                name = path.relative_to(ROOT).with_suffix('').as_posix()
                assert name.replace('/', '.') in sys.modules


def test_pins_suit_every_python():
    """A pin holds for each Python of setup.py, or says for which."""
    setup = (ROOT / 'setup.py').read_text()
    pythons = re.findall(r'Python :: (3\.\d+)', setup)
    assert len(pythons) == 3
    for line in (ROOT / 'constraints.txt').read_text().splitlines():
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
            if not pin.marker or pin.marker.evaluate(
                    dict(python_version=python)):
                # a late patch release: some need more than X.Y.0
                assert needs.contains(f'{python}.10'), (line, python)


def test_no_file_names_a_machine():
    for name in tracked_files():
        try:
            text = (ROOT / name).read_text(encoding='utf-8')
        except UnicodeDecodeError:
            continue  # an image, a font or the like
        found = MACHINE.search(text)
        assert not found, f'{name}: {found.group()}'


@pytest.mark.slow
def test_wheel_and_sdist(tmp_path):
    """Both hold the configs and tools, and the wheel imports."""
    pytest.importorskip('build')
    # from a copy, so that no build output lies in the checkout
    source, names = tmp_path / 'source', tracked_files()
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    # the wheel is built from the sdist
    built = run([sys.executable, '-m', 'build', '--no-isolation', source,
                 '-o', tmp_path / 'dist'])
    # MANIFEST.in names nothing that does not exist
    assert 'no files found' not in built.stdout + built.stderr
    sdist, = (tmp_path / 'dist').glob('*.tar.gz')
    wheel, = (tmp_path / 'dist').glob('*.whl')
    with tarfile.open(sdist) as archive:
        packed = {name.split('/', 1)[-1] for name in archive.getnames()}
    assert {'LICENSE', 'constraints.txt', 'requirements/onedl.txt',
            'tools/dist_train.sh'} <= packed
    site = tmp_path / 'site'
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
        archive.extractall(site)
    # every file of the package, and nothing of the projects beside it
    assert {name for name in names if name.startswith('mmteso/')} <= packed
    assert {name.split('/')[0] for name in packed} == {
        'mmteso', f'mmteso-{mmteso.__version__}.dist-info'}
    # mim's list of models, which names files beside it
    index = site / 'mmteso' / '.mim' / 'model-index.yml'
    for name in read_yaml(str(index))['Import']:
        assert (index.parent / name).is_file()
    config = 'mmteso/.mim/configs/teso/teso_swin-b_v1m.py'
    output = run_python(
        f'''
import sys
sys.path.insert(0, {str(site)!r})
import mmteso
from mmengine.config import Config
config = Config.fromfile({str(site / config)!r})
print(mmteso.__file__, config.model.type)
''',
        cwd=tmp_path)
    assert str(Path('site') / 'mmteso') in output.stdout
    assert 'AudioTextSegmentor' in output.stdout
