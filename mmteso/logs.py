# Copyright (c) mmteso contributors. All rights reserved.
"""Messages to whoever reads the log."""
import logging

from mmengine.logging import print_log


def warn(message: str) -> None:
    """Log a warning, on the console where no logger was made yet."""
    print_log(message, logger='current', level=logging.WARNING)
