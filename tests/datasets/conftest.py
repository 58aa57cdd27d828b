# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from mmengine.registry import DefaultScope


@pytest.fixture(autouse=True)
def mmseg_scope():
    """Look for transforms in mmseg's registry, as a config does."""
    with DefaultScope.overwrite_default_scope('mmseg'):
        yield
