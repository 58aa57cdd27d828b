# Copyright (c) mmteso contributors. All rights reserved.
import shutil

import pytest
from mmengine.registry import DefaultScope


@pytest.fixture(autouse=True)
def mmseg_scope():
    """Look for transforms in mmseg's registry, as a config does."""
    with DefaultScope.overwrite_default_scope('mmseg'):
        yield


@pytest.fixture
def root(clean_root, tmp_path):
    """A copy of the module's data that a test may damage."""
    return shutil.copytree(clean_root, tmp_path / 'data')
