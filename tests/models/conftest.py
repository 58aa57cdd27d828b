# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from narrow import plain_config_text
from tiny_sam import write_sam


@pytest.fixture(scope='session')
def sam_folder(tmp_path_factory):
    """A small random SAM."""
    return write_sam(tmp_path_factory.mktemp('sam'))


@pytest.fixture(autouse=True)
def quick_runners():
    """See :func:`narrow.plain_config_text`."""
    with plain_config_text():
        yield
