# Copyright (c) mmteso contributors. All rights reserved.
from typing import List

import torch
from torch import Tensor


def same_clip(metas: List[dict]) -> Tensor:
    """Which frames of a batch belong to one clip.

    For heads that see several frames of a clip, in batches of
    :class:`mmteso.datasets.ClipBatchSampler`. Clips may be of different
    lengths, and their frames in any order.

    Args:
        metas (list[dict]): Metainfo of the B frames. One without ``uid`` is a
            clip of its own.

    Returns:
        Tensor: bool (B, B), on the CPU; true on the diagonal.
    """
    numbers: dict = {}
    clips = torch.tensor([
        numbers.setdefault(
            (meta.get('subset'), meta['uid']) if 'uid' in meta else i,
            len(numbers)) for i, meta in enumerate(metas)
    ])
    return clips[:, None] == clips
