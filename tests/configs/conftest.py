# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from narrow import plain_config_text


@pytest.fixture(autouse=True)
def quick_runners():
    """See :func:`narrow.plain_config_text`."""
    with plain_config_text():
        yield
