# Copyright (c) mmteso contributors. All rights reserved.
"""The pages' commands are run as they are written, or say what they need.

A shell block whose first line is a comment '# needs AVSBench, 8 GPUs' isn't
run. All others are, page by page, in a copy of the repository, on SynthAVS
(``make test-slow``). Only sizes are changed: fewer videos and iterations.
CONFIG and CHECKPOINT are SynthAVS's; checkpoints of longer trainings are
random weights.
"""
import os
import re
import shutil
import stat
import subprocess
import sys

import numpy as np
import pytest
from processes import ROOT, environment
from test_docs import BLOCK, PAGES, read

from mmteso.video import write_video

NEEDS = re.compile(r' *# needs (.+)')
KNOWN = re.compile(
    r'AVSBench|the cutouts|weights|(8|16) GPUs|a model server|a browser|'
    r'the network|an environment to change|Slurm|a GPU|'
    r'a checkout of the baseline|(minutes|hours) of CPU')
COPIED = ('configs', 'docs', 'mmteso', 'projects', 'tests', 'tools',
          'Makefile', 'pyproject.toml')
CONFIG = 'configs/teso/teso_r18_synthavs.py'
CHECKPOINT = 'work_dirs/teso_r18_synthavs/iter_1600.pth'


def shell_blocks(page):
    """The page's shell blocks that are commands."""
    return [block for language, block in BLOCK.findall(read(page))
            if language in ('bash', 'sh', 'console')]


def needs(block):
    """What a block says that it needs; [] if it is to be run."""
    match = NEEDS.match(block)
    return match[1].split(', ') if match else []


def blocks_to_run(page):
    return [block for block in shell_blocks(page) if not needs(block)]


@pytest.mark.parametrize('page', PAGES)
def test_what_blocks_need_is_known(page):
    for block in shell_blocks(page):
        for word in needs(block):
            assert KNOWN.fullmatch(word), (word, block)
        # nobody's machine has what these need
        if not needs(block):
            assert not re.search(
                r'data/avsbench|dist_(train|test)|torchrun|pip install|'
                r'^make ', block, re.M), block


# Stands for `python` in a block: makes its command small, and the checkpoint
# that it reads.
SMALLER = '''#!{python}
import os, re, sys
words = sys.argv[1:]
tool = words[0] if words else ''
def option(*settings):
    """After the settings that the command has, since the last one counts."""
    if '--cfg-options' not in words:
        words.append('--cfg-options')
    place = words.index('--cfg-options') + 1
    while place < len(words) and words[place][:1] != '-':
        place += 1
    words[place:place] = settings
def few(*names):
    for name in names:
        option(name + '_dataloader.num_workers=0',
               name + '_dataloader.persistent_workers=False')
        if name != 'train':
            option(name + '_dataloader.dataset.indices=2')
if tool.endswith('prepare_synthavs.py'):
    # V3's lists need clips in which one class alone sounds
    words += ('--videos 130 --frames 1 --size 32' if 'v3' in words[1] else
              '--videos 13 --frames 5 --size 32').split()
elif tool == 'tools/train.py':
    few('train', 'val')
    option('train_cfg.max_iters=2', 'train_cfg.val_interval=2',
           'default_hooks.checkpoint.interval=2',
           'train_dataloader.batch_size=2')
    if 'default_hooks.ema.begin_iter=100' in words:
        option('default_hooks.ema.begin_iter=1')
elif tool == 'tools/test.py':
    few('test')
for word in words:
    if re.fullmatch(r'work_dirs/.*iter_[0-9]+\\.pth', word) and \\
            tool in ('tools/test.py', 'tools/infer.py'):
        config = next(w for w in words if re.fullmatch(
            r'(configs|projects)/.*\\.py', w))
        if not os.path.exists(word):
            import torch
            from mmengine.config import Config
            from mmengine.registry import DefaultScope
            import mmteso
            from mmseg.registry import MODELS
            with DefaultScope.overwrite_default_scope('mmseg'):
                model = MODELS.build(Config.fromfile(config).model)
            os.makedirs(os.path.dirname(word), exist_ok=True)
            torch.save(dict(state_dict=model.state_dict()), word)
os.execv({python!r}, [{python!r}, *words])
'''


@pytest.fixture(scope='module')
def checkout(tmp_path_factory):
    """A copy of the repository, with small data and a small python."""
    root = tmp_path_factory.mktemp('checkout')
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, root / name)
    (root / 'bin').mkdir()
    program = root / 'bin' / 'python'
    program.write_text(SMALLER.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    run_block(root, 'python tools/dataset_converters/prepare_synthavs.py '
              'data/synthavs')
    shutil.copy(root / 'data/synthavs/cues.jsonl',
                root / 'data/synthavs/other.jsonl')
    (root / 'videos').mkdir()
    for name in ('street', 'pond'):
        write_video(str(root / f'videos/{name}.mp4'),
                    [(i / 4, np.full((48, 64, 3), 9 * i, np.uint8))
                     for i in range(12)], [np.zeros(3 * 44100, np.float32)])
    (root / 'labels.csv').write_text('video,a_obj,split\n'
                                     'street.mp4,tram_church bell,train\n'
                                     'pond.mp4,frog,val\n')
    return root


def run_block(root, block):
    block = re.sub(r'\bCONFIG\b', CONFIG, block)
    block = re.sub(r'\bCHECKPOINT\b', CHECKPOINT, block)
    env = environment()
    env.update(PYTHONPATH=f'{root}:{root / "projects/example"}',
               PATH=f'{root / "bin"}:{os.path.dirname(sys.executable)}:'
               f'{env["PATH"]}')
    result = subprocess.run(['bash', '-euo', 'pipefail', '-c', block],
                            cwd=root, env=env, capture_output=True, text=True,
                            timeout=3600)
    assert result.returncode == 0, \
        f'{block}\n{result.stdout[-2000:]}{result.stderr[-4000:]}'


@pytest.mark.slow
@pytest.mark.parametrize(
    'page', [page for page in PAGES if blocks_to_run(page)])
def test_commands_run(checkout, page):
    failures = []
    for block in blocks_to_run(page):
        try:
            run_block(checkout, block)
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, '\n\n'.join(failures)
