# Copyright (c) mmteso contributors. All rights reserved.
import logging

import pytest
from mmengine.logging import MMLogger


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
