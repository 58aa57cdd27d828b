# Copyright (c) mmteso contributors. All rights reserved.
import logging

import pytest
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope


@pytest.fixture(autouse=True)
def mmseg_scope():
    """Look for transforms in mmseg's registry, as a config does."""
    with DefaultScope.overwrite_default_scope('mmseg'):
        yield


@pytest.fixture
def warned():
    """List of the warnings that go to mmengine's logger."""
    messages = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)
