# Copyright (c) mmteso contributors. All rights reserved.
"""What is written of both layouts: tables and frames."""
import csv
from typing import Any, Iterable, Mapping, Sequence

import numpy as np
from PIL import Image

from mmteso.io import atomic_write

#: Columns of the semantic layout's ``metadata.csv``.
COLUMNS = ('vid', 'uid', 's_min', 's_sec', 'a_obj', 'split', 'label')

JPEG_QUALITY = 95


def save_frame(path: str, image: np.ndarray) -> None:
    """Write RGB (H, W, 3) as a layout's frame; JPEG without thinned colours.
    """
    Image.fromarray(image).save(path, quality=JPEG_QUALITY, subsampling=0)


def write_lines(path: str, lines: Iterable[str]) -> None:
    """Write a text file, whole or not at all."""
    with atomic_write(path) as partial, open(
            partial, 'w', encoding='utf-8') as file:
        file.writelines(f'{line}\n' for line in lines)


def write_table(path: str, columns: Sequence[str],
                rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV file with a header, whole or not at all."""
    with atomic_write(path) as partial, open(
            partial, 'w', encoding='utf-8', newline='') as file:
        writer = csv.DictWriter(file, columns, lineterminator='\n')
        writer.writeheader()
        writer.writerows(rows)
