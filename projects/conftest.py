# Copyright (c) mmteso contributors. All rights reserved.
"""For `pytest projects` at the repository's root; a package that is tested by
itself doesn't see it."""
import pytest


@pytest.fixture(autouse=True, scope='session')
def quick_config_text():
    """See :func:`narrow.plain_config_text`."""
    from narrow import plain_config_text
    with plain_config_text():
        yield
