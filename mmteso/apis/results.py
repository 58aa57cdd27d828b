# Copyright (c) mmteso contributors. All rights reserved.
"""What the inferencer finds."""
from dataclasses import dataclass, field, replace
from typing import List, NamedTuple, Optional

import numpy as np


class Cue(NamedTuple):
    """A cue of a frame; without ``score`` where the model makes none."""
    name: str
    score: Optional[float] = None
    kept: Optional[bool] = None  #: Whether the dynamic mask kept it.


@dataclass
class FrameResult:
    """What was found in a frame."""
    index: int  #: The step, from 0.
    time: float  #: Of the picture, in seconds from the clip's first.
    #: uint8 (H, W): 1 where something sounds; in the semantic task the class,
    #: 0 for background.
    mask: np.ndarray
    #: How much a pixel belongs to what sounds, float32 (H, W) in [0, 1].
    score: np.ndarray
    cues: List[Cue]
    image: np.ndarray = field(repr=False)  #: The picture, RGB (H, W, 3).
    #: What was listened to, float32 (num_samples,).
    sound: np.ndarray = field(repr=False)
    sample_rate: int  #: Of ``sound``.
    #: uint8 (H, W), the class that fits best where something sounds. None in
    #: the binary task.
    best: Optional[np.ndarray] = field(default=None, repr=False)
    problem: str = ''  #: Why its cues could not be generated.

    def at(self, threshold: float) -> 'FrameResult':
        """The same, but the mask is where the score is above a threshold."""
        sounds = self.score > threshold
        mask = sounds if self.best is None else np.where(sounds, self.best, 0)
        return replace(self, mask=mask.astype(np.uint8))
