# Copyright (c) mmteso contributors. All rights reserved.
"""First version: the answer line only."""
import re
from typing import Tuple

from mmteso.io import normalize_phrase


class CueParseError(ValueError):
    """An answer from which no cues can be read."""


def parse_cues(text: str, num_cues: int = 4) -> Tuple[str, ...]:
    """Read the cues out of a model's answer."""
    found = re.findall(r'Answer:([^\n]*)', text)
    line = found[-1] if found else text.strip()
    if not line.strip() or len(line) > 200:
        raise CueParseError('no list of objects found')
    cues = []
    for item in line.split(','):
        item = normalize_phrase(item.strip(' .'))
        if item and item not in ('none', *cues):
            cues.append(item)
    return tuple(cues[:num_cues])
