# Copyright (c) mmteso contributors. All rights reserved.
"""One clip of SynthAVS as a video file."""
from typing import List

import numpy as np

from mmteso.video import write_video
from .easy import EASY
from .generator import VideoPlan, generate_video
from .timbres import SAMPLE_RATE


def write_sample_clip(path: str, seconds: int = 6, size: int = 96,
                      seed: int = 0) -> List[str]:
    """Draw one clip of the easy variant, at least 2 seconds, as an MP4 file
    with its sound.

    Of three objects, whose classes it gives, others sound in each second;
    nothing does in the last but one.
    """
    silent = tuple(second == seconds - 2 for second in range(seconds))
    video = generate_video(
        EASY, VideoPlan(3, silent, (None, ) * seconds), 'test', size,
        np.random.default_rng(seed))
    write_video(
        path,
        ((i / 10, video.images[i // 10]) for i in range(10 * seconds)),
        [video.audio.astype(np.float32) / 32768], SAMPLE_RATE)
    return video.names
