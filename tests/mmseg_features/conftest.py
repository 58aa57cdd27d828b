# Copyright (c) mmteso contributors. All rights reserved.
import pytest

from mmteso.testbeds.synthavs import generate_synthavs


@pytest.fixture(scope='session')
def synthavs(tmp_path_factory):
    """A tiny SynthAVS that nobody writes to."""
    root = tmp_path_factory.mktemp('features') / 'synthavs'
    generate_synthavs(root, videos=8, frames=2, size=32)
    return str(root)
