# Copyright (c) mmteso contributors. All rights reserved.
"""Installation of mmteso; see README.md for the commands.

Neither OpenMMLab distribution is a hard requirement, because both provide the
same import names: the extras ``onedl`` and ``openmmlab`` choose one.
"""
import os
import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# what mmengine and mim look for in an installed package's .mim folder
MIM_NAMES = ('configs', 'tools', 'model-index.yml')


def read_version() -> str:
    text = (ROOT / 'mmteso' / 'version.py').read_text(encoding='utf-8')
    return re.search(r"^__version__ = '([^']+)'", text, re.M).group(1)


def read_requirements(name: str) -> list:
    """The requirements in requirements/<name>.txt, without comments."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text(
        encoding='utf-8').splitlines()
    return [line.split('#')[0].strip() for line in lines
            if line.split('#')[0].strip()]


class BuildWithConfigs(build_py):
    """Puts configs, tools and model index into the package, as mmseg's are.

    A wheel gets copies in ``mmteso/.mim``; an editable installation gets
    links to the checkout's own folders there.
    """

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            target = ROOT / 'mmteso' / '.mim'
        else:
            target = Path(self.build_lib) / 'mmteso' / '.mim'
            if target.exists():  # left by an earlier build
                shutil.rmtree(target)
        target.mkdir(parents=True, exist_ok=True)
        for name in MIM_NAMES:
            source, copy = ROOT / name, target / name
            if self.editable_mode:
                if copy.is_symlink():
                    copy.unlink()
                copy.symlink_to(os.path.relpath(source, target))
            elif source.is_file():
                shutil.copy(source, copy)
            else:
                shutil.copytree(
                    source,
                    copy,
                    ignore=shutil.ignore_patterns('__pycache__', '*.pyc'))


extras = {
    name: read_requirements(name)
    for name in ('onedl', 'openmmlab', 'audio', 'beats', 'cutouts', 'text',
                 'video', 'demo', 'browser', 'test', 'docs')
}
# everything but the choice between the two OpenMMLab distributions
extras['all'] = [
    line for name in ('audio', 'text', 'video', 'test')
    for line in extras[name]
]

readme = ROOT / 'README.md'
setup(
    name='mmteso',
    version=read_version(),
    description='Text-semantics-guided audio-visual segmentation (TeSO) for '
    'mmsegmentation',
    long_description=readme.read_text(
        encoding='utf-8') if readme.exists() else '',
    long_description_content_type='text/markdown',
    author='mmteso contributors',
    license='Apache-2.0',
    keywords='computer vision, audio-visual segmentation, semantic '
    'segmentation, mmsegmentation',
    classifiers=[
        'Development Status :: 4 - Beta',
        'Operating System :: OS Independent',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    packages=find_packages(include=('mmteso', 'mmteso.*')),
    include_package_data=True,
    python_requires='>=3.10',
    install_requires=read_requirements('runtime'),
    extras_require=extras,
    cmdclass=dict(build_py=BuildWithConfigs),
    zip_safe=False)
