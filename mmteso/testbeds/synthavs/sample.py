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
    """Draw one clip of the easy variant as a video file with its sound.

    Three objects, of which others sound in each second; nothing does in the
    last but one.

    Args:
        path (str): The file, MP4.
        seconds (int): Its length, at least 2. Defaults to 6.
        size (int): Side of its pictures in pixels. Defaults to 96.
        seed (int): Defaults to 0.

    Returns:
        list[str]: Classes of the objects.
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
