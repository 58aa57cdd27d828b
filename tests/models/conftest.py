# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from tiny_sam import write_sam


@pytest.fixture(scope='session')
def sam_folder(tmp_path_factory):
    """A small random SAM."""
    return write_sam(tmp_path_factory.mktemp('sam'))
