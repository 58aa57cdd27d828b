# Copyright (c) mmteso contributors. All rights reserved.
"""Predictions as PNG files, for evaluating them elsewhere."""
import os
import os.path as osp
from typing import Optional, Sequence

import numpy as np
from PIL import Image
from torch import Tensor


def write_prediction(output_dir: str,
                     sample: dict,
                     labels: Tensor,
                     palette: Optional[Sequence[Sequence[int]]] = None) -> str:
    """Write a frame's labels to ``{output_dir}/{subset}/{uid}/{frame}.png``.

    The layout is AVSBench's, where the name of a frame's file alone ('0.png')
    says nothing about its video. A file that exists is overwritten.

    Args:
        output_dir (str): Folder; made if needed.
        sample (dict): Data sample as a dict, with ``subset``, ``uid`` and
            ``frame``.
        labels (Tensor): (1, H, W) or (H, W), integer in [0, 255].
        palette (Sequence[Sequence[int]], optional): RGB colour of each
            label. The file is then an index PNG: its pixels are the labels
            where Pillow reads it (OpenCV gives the colours). Default: None,
            a grey PNG.

    Returns:
        str: Path of the file.

    Raises:
        KeyError: If the sample doesn't say which frame it is.
    """
    missing = [key for key in ('subset', 'uid', 'frame') if key not in sample]
    if missing:
        raise KeyError(
            f'output_dir needs {missing} in every data sample to name its '
            f'file, got {sorted(sample)}. Add them to the meta_keys of '
            'PackAVTInputs.')
    image = Image.fromarray(
        labels.reshape(labels.shape[-2:]).cpu().numpy().astype(np.uint8))
    if palette is not None:
        # turns a grey picture into one of mode 'P', same pixels
        image.putpalette(np.asarray(palette, np.uint8).ravel().tolist())
    path = osp.join(output_dir, str(sample['subset']), str(sample['uid']),
                    f"{sample['frame']}.png")
    os.makedirs(osp.dirname(path), exist_ok=True)
    image.save(path)
    return path
