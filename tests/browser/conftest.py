# Copyright (c) mmteso contributors. All rights reserved.
"""A model that listens, and the page with it."""
import contextlib
import os
import shutil
import sys
from pathlib import Path

import pytest
from page_server import Server
from processes import run

ITERATIONS = 120


@pytest.fixture(scope='session')
def model(tmp_path_factory):
    """Config and checkpoint: a minute of training on small SynthAVS.

    Enough to tell sound from silence, not to tell all sounds apart. Or that
    of a folder as `make demo` writes it, named by MMTESO_DEMO.
    """
    if os.environ.get('MMTESO_DEMO'):
        return Path(os.environ['MMTESO_DEMO'])
    root = tmp_path_factory.mktemp('model')
    run([sys.executable, 'tools/dataset_converters/prepare_synthavs.py',
         root / 'data', '--videos', '104', '--size', '64', '--train-silent',
         '25'])
    options = {
        'train_cfg.max_iters': ITERATIONS,
        'train_cfg.val_interval': ITERATIONS,
        'default_hooks.checkpoint.interval': ITERATIONS,
        'param_scheduler.0.end': 20,
        'param_scheduler.1.begin': 20,
        'param_scheduler.1.end': ITERATIONS,
        'train_dataloader.batch_size': 8,
        'randomness.seed': 0,
    }
    for loader in ('train_dataloader', 'val_dataloader'):
        options[f'{loader}.num_workers'] = 0
        options[f'{loader}.persistent_workers'] = False
    # where `make demo` has its own
    work = root / 'demo/train'
    run([sys.executable, 'tools/train.py',
         'configs/teso/teso-cue_r18_synthavs.py', '--data-root', root / 'data',
         '--work-dir', work, '--cfg-options',
         *[f'{key}={value}' for key, value in options.items()]], timeout=1800)
    return root / 'demo'


@pytest.fixture
def serve(tmp_path):
    """Start the page with options; what it prints and leaves is looked at."""
    with contextlib.ExitStack() as stack:
        yield lambda *options: stack.enter_context(Server(tmp_path, *options))


@pytest.fixture(scope='session')
def browser():
    """Debian's Chromium, without a window."""
    from playwright.sync_api import sync_playwright
    path = next(filter(None, map(shutil.which, ('chromium',
                                                'chromium-browser'))), None)
    assert path, 'no chromium: apt-get install chromium'
    with sync_playwright() as playwright:
        # root has no sandbox
        browser = playwright.chromium.launch(
            executable_path=path, args=['--no-sandbox'])
        yield browser
        browser.close()
