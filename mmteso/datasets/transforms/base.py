# Copyright (c) mmteso contributors. All rights reserved.
import inspect
from typing import Any, Mapping

from mmcv.transforms import BaseTransform


class AVSTransform(BaseTransform):
    """A transform that keeps its arguments under their names, and shows them.

    How a frame is loaded is compared by what transforms show: by the data
    check, which remembers files, and where audio features are cached.
    """

    def __repr__(self) -> str:
        names = inspect.signature(type(self)).parameters
        shown = ', '.join(f'{name}={getattr(self, name)!r}' for name in names)
        return f'{type(self).__name__}({shown})'


def frame_name(sample: Mapping[str, Any]) -> str:
    """Which frame a sample is, for messages."""
    return (f'{sample.get("subset")}/{sample.get("uid")}, frame '
            f'{sample.get("frame")}')
