# Copyright (c) mmteso contributors. All rights reserved.
"""projects/example does what its README says."""
import importlib.metadata
import importlib.util
import os
import re
import shlex
import shutil
import site
import sys

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, MODELS, TRANSFORMS
from narrow import CONFIGS, load, narrow_model
from processes import ROOT, run

from mmteso.engine import insert_audio_conditions
from mmteso.testbeds.synthavs import generate_synthavs

PROJECT = ROOT / 'projects' / 'example'
README = (PROJECT / 'README.md').read_text(encoding='utf-8')
# what building and running leave there
OUTPUTS = ('*.egg-info', '__pycache__', '.pytest_cache', 'build')
# options that make a command short
SHORT = {
    'tools/dataset_converters/prepare_synthavs.py':
    '--videos 13 --frames 1 --size 32',
    'tools/train.py': '--cfg-options train_cfg.max_iters=2 '
    'train_cfg.val_interval=2 train_dataloader.batch_size=2',
}


def blocks(language):
    return re.findall(rf'```{language}\n(.*?)```', README, re.S)


def commands():
    """The README's commands in their order, each on one line."""
    text = ''.join(blocks('bash')).replace('\\\n', ' ')
    return [line for line in text.splitlines() if line]


def script(command):
    """What of Python's a command runs: a file's path, or a module's name."""
    python, *words = shlex.split(command)
    assert python == 'python'
    return words[1] if words[0] == '-m' else words[0]


def test_another_input(tmp_path, monkeypatch):
    """The README's transform, in AudioToLogMel's place."""
    transform, _ = blocks('python')
    # what is registered now is forgotten afterwards
    monkeypatch.setattr(TRANSFORMS, '_module_dict',
                        dict(TRANSFORMS.module_dict))
    exec(transform, {})
    config = load('teso/teso_r18_synthavs.py')
    init_default_scope('mmseg')
    root = str(tmp_path / 'synthavs')
    generate_synthavs(root, videos=3, frames=2, size=32)
    dataset = config.test_dataloader.dataset
    dataset.data_root = root
    pipeline = []
    for step in dataset.pipeline:
        if step.type == 'AudioToLogMel':
            step = dict(type='AudioToWaveform')
        pipeline.append(step)
    dataset.pipeline = insert_audio_conditions(pipeline, ['normal', 'mute'])
    samples = [sample['inputs'] for sample in DATASETS.build(dataset)]
    assert {tuple(sample['audio_values'].shape)
            for sample in samples} == {(2, 15600)}
    assert max(np.abs(s['audio_values'][0]).max() for s in samples) > 0.01
    assert not any(sample['audio_values'][1].any() for sample in samples)
    assert not any('log_mel' in sample for sample in samples)


def test_on_avsbench(tmp_path):
    """Frozen as in the base, the encoder would keep its random weights."""
    _, code = blocks('python')
    path = tmp_path / 'my_config.py'
    base = CONFIGS / 'teso' / 'teso_swin-b_v1m.py'
    assert (PROJECT / 'configs' / '../../../configs/teso' /
            base.name).samefile(base)
    code, count = re.subn(r"_base_ = \['.*'\]", f'_base_ = [{str(base)!r}]',
                          code)
    assert count == 1
    path.write_text(code)
    trained = {}
    for frozen in (None, Config.fromfile(base).model.frozen):
        config = Config.fromfile(path)
        init_default_scope('mmseg')
        encoder = config.model.audio_encoder
        narrow_model(config.model)
        config.model.audio_encoder = encoder
        config.model.frozen = frozen or config.model.frozen
        model = MODELS.build(config.model)
        assert type(model.audio_encoder).__name__ == 'LogMelConv'
        assert not any(p.requires_grad for n, p in model.named_parameters()
                       if n.startswith('backbone.') and 'adapter' not in n)
        trained[frozen is None] = {p.requires_grad
                                   for p in model.audio_encoder.parameters()}
    assert trained == {True: {True}, False: {False}}


@pytest.fixture
def fresh(tmp_path):
    """A copy of the repository's part, and an environment on top of this one.

    What is installed goes there. Gives the copy and environment variables.
    """
    if importlib.util.find_spec('pip') is None:
        pytest.skip('needs pip')
    try:
        importlib.metadata.distribution('mmteso')
    except importlib.metadata.PackageNotFoundError:
        pytest.skip('needs mmteso installed, as the README says')
    copy = tmp_path / 'repository'
    shutil.copytree(PROJECT, copy / 'projects' / 'example',
                    ignore=shutil.ignore_patterns(*OUTPUTS))
    for name in ('configs', 'tools'):
        (copy / name).symlink_to(ROOT / name)
    folder = tmp_path / 'venv'
    run([sys.executable, '-m', 'venv', '--without-pip', folder])
    packages, = folder.glob('lib/python*/site-packages')
    # with their .pth files, of editable packages
    packages.joinpath('below.pth').write_text('import site; ' + '; '.join(
        f'site.addsitedir({name!r})' for name in site.getsitepackages()))
    return copy, dict(PATH=f'{folder / "bin"}{os.pathsep}{os.environ["PATH"]}',
                      VIRTUAL_ENV=str(folder), PIP_NO_INDEX='1',
                      PIP_DISABLE_PIP_VERSION_CHECK='1')


@pytest.mark.slow
def test_following_the_readme(fresh):
    """Every command as it stands there, but for options of SHORT."""
    copy, variables = fresh
    output = {}
    for command in commands():
        short = SHORT.get(script(command), '')
        output[script(command)] = run(
            ['bash', '-c', f'{command} {short}'], cwd=copy, **variables).stdout
    assert 'Successfully installed mmteso-example' in output['pip']
    packages = copy.parent.glob('venv/lib/python*/site-packages/mmteso_ex*')
    assert list(packages)
    for condition in ('normal', 'mute'):
        assert f'| {condition} ' in output['tools/test.py']
    assert re.search(r'\d+ passed', output['pytest'])
    assert 'failed' not in output['pytest']
