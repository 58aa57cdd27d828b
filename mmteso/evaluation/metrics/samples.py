# Copyright (c) mmteso contributors. All rights reserved.
"""What all metrics do with a frame's data sample."""
import os
import os.path as osp
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, Optional, Sequence

import numpy as np
from PIL import Image
from torch import Tensor


def _name(sample: dict) -> str:
    return (f"Frame {sample.get('frame', '?')} of "
            f"{sample.get('uid', sample.get('img_path', '?'))}")


def needs(sample: dict, **cures: str) -> None:
    """Raise a KeyError that names the key which a sample lacks, and who gives
    it."""
    for key, cure in cures.items():
        if key not in sample:
            raise KeyError(f'{_name(sample)} has no {key!r}: {cure}. It has '
                           f'{sorted(sample)}.')


def group_of(sample: dict, report_by: Optional[str]) -> str:
    """A frame's group, by the key of the metainfo that ``report_by`` names;
    '' if it names none."""
    if report_by is None:
        return ''
    needs(sample, **{report_by: 'report_by names it: add it to the meta_keys '
                     'of PackAVTInputs, or leave report_by out'})
    return str(sample[report_by])


def by_group(rows: Sequence[tuple],
             average: Callable[[Sequence[tuple]], Dict[str, float]],
             keys: Sequence[str]) -> Dict[str, float]:
    """Averages over all frames, and as '{key}@{group}' over those of each
    group, which the rows begin with."""
    scores = average(rows)
    for group in sorted({row[0] for row in rows} - {''}):
        part = average([row for row in rows if row[0] == group])
        scores.update({f'{key}@{group}': part[key]
                       for key in keys if key in part})
    return scores


@contextmanager
def naming(sample: dict) -> Iterator[None]:
    """Put the frame's name before the message of a ValueError."""
    try:
        yield
    except ValueError as error:
        raise ValueError(
            f"{_name(sample)} can't be scored. {error}") from error


def write_prediction(output_dir: str,
                     sample: dict,
                     labels: Tensor,
                     palette: Optional[Sequence[Sequence[int]]] = None
                     ) -> None:
    """Write a frame's labels to ``{output_dir}/{subset}/{uid}/{frame}.png``.

    The layout is AVSBench's, where the name of a frame's file alone ('0.png')
    says nothing about its video. A file that exists is overwritten. The labels
    are (1, H, W) or (H, W), integer in [0, 255]. With a palette, RGB by label,
    the file is an index PNG: its pixels are the labels where Pillow reads it
    (OpenCV gives the colours); without it is a grey one.
    """
    cure = 'it names the file in output_dir: add it to the meta_keys of ' \
        'PackAVTInputs'
    needs(sample, subset=cure, uid=cure, frame=cure)
    image = Image.fromarray(
        labels.reshape(labels.shape[-2:]).cpu().numpy().astype(np.uint8))
    if palette is not None:
        # turns a grey picture into one of mode 'P', same pixels
        image.putpalette(np.asarray(palette, np.uint8).ravel().tolist())
    path = osp.join(output_dir, str(sample['subset']), str(sample['uid']),
                    f"{sample['frame']}.png")
    os.makedirs(osp.dirname(path), exist_ok=True)
    image.save(path)
