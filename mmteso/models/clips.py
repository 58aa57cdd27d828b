# Copyright (c) mmteso contributors. All rights reserved.
import os.path as osp
from typing import Hashable, List

import torch
from torch import Tensor


def same_clip(metas: List[dict]) -> Tensor:
    """Which frames of a batch belong to one clip.

    For heads that see several frames of a clip, in batches of
    :class:`mmteso.datasets.ClipBatchSampler`. Clips may be of different
    lengths, and their frames in any order. Data sets may share names: frames
    of one clip also lie in one folder. Two copies of a clip are one.

    Args:
        metas (list[dict]): Metainfo of the B frames. One without ``uid`` is a
            clip of its own.

    Returns:
        Tensor: bool (B, B), on the CPU; true on the diagonal.
    """
    numbers: dict = {}
    clips = torch.tensor([
        numbers.setdefault(_clip_of(meta) if 'uid' in meta else i,
                           len(numbers)) for i, meta in enumerate(metas)
    ])
    return clips[:, None] == clips


def _clip_of(meta: dict) -> Hashable:
    folder = osp.dirname(meta.get('img_path') or '')
    return meta.get('subset'), meta['uid'], folder
