# Copyright (c) mmteso contributors. All rights reserved.
"""Class sets, AVSBench's and a user's own, and what names them in files.

Sources of the facts about AVSBench: ``avss/color_dataloader.py`` of
OpenNLPLab/AVSBench and the ``metadata.csv`` of the AVSBench-semantic release.
"""
import functools
import itertools
import os.path as osp
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import mmengine.fileio as fileio

from mmteso.io import read_json, read_text

AVSBENCH_CLASSES: Tuple[str, ...] = (
    'background', 'accordion', 'airplane', 'axe', 'baby', 'bassoon', 'bell',
    'bird', 'boat', 'boy', 'bus', 'car', 'cat', 'cello', 'clarinet',
    'clipper', 'clock', 'dog', 'donkey', 'drum', 'duck', 'elephant',
    'emergency-car', 'erhu', 'flute', 'frying-food', 'girl', 'goose',
    'guitar', 'gun', 'guzheng', 'hair-dryer', 'handpan', 'harmonica', 'harp',
    'helicopter', 'hen', 'horse', 'keyboard', 'leopard', 'lion', 'man',
    'marimba', 'missile-rocket', 'motorcycle', 'mower', 'parrot', 'piano',
    'pig', 'pipa', 'saw', 'saxophone', 'sheep', 'sitar', 'sorna', 'squirrel',
    'tabla', 'tank', 'tiger', 'tractor', 'train', 'trombone', 'truck',
    'trumpet', 'tuba', 'ukulele', 'utv', 'vacuum-cleaner', 'violin', 'wolf',
    'woman')
"""The 71 classes of AVSBench-semantic in index order, background first."""

BINARY_CLASSES: Tuple[str, str] = ('background', 'sounding')
BINARY_PALETTE = [[0, 0, 0], [255, 255, 255]]
SPLITS: Tuple[str, str, str] = ('train', 'val', 'test')
"""The splits of AVSBench."""

PUBLISHED_CLIPS = dict(
    v1s=dict(train=3452, val=740, test=740),
    v1m=dict(train=296, val=64, test=64),
    v2=dict(train=4750, val=500, test=750))
"""Subset -> split -> clips in the ``metadata.csv`` of the AVSBench-semantic
release that GeWu-Lab/Generalizable-Audio-Visual-Segmentation publishes: 11,356
in all, where the paper speaks of 12,356. S4 and MS3 of the AVSBench-object
release are the clips of v1s and v1m."""

IGNORE_INDEX = 255

# What `a_obj` says where no class of the list is meant: nothing in the
# picture sounds (27 clips of v2), or no object at all (5 clips of v1m).
_NO_OBJECT = ('off-the-screen', 'background')


def voc_palette(num_colors: int) -> List[List[int]]:
    """RGB colours of the PASCAL VOC palette, which AVSBench's masks use, from
    index 0 (black) on. Three bits of the index at a time go to red, green and
    blue, highest bit first (``color_map`` of the VOC development kit)."""
    return [[
        sum((index >> (3 * step + channel) & 1) << (7 - step)
            for step in range(8)) for channel in range(3)
    ] for index in range(num_colors)]


def read_classes(path: str,
                 backend_args: Optional[dict] = None) -> Tuple[str, ...]:
    """Class names in a file, in index order.

    It is a JSON file whose keys are the names (as in ``label2idx.json``) or
    that lists them (a ValueError if it is neither), or a text file with a
    name a line.
    """
    if not path.endswith('.json'):
        return tuple(
            line.strip()
            for line in read_text(path, backend_args).splitlines()
            if line.strip())
    content = read_json(path, backend_args)
    if not isinstance(content, (dict, list)):
        raise ValueError(f'{path} must hold an object {{class: index}} or a '
                         f'list, but holds a {type(content).__name__}')
    return tuple(content)


def get_class_set(metainfo: Optional[Mapping[str, Any]] = None,
                  data_root: str = '',
                  backend_args: Optional[dict] = None
                  ) -> Tuple[Tuple[str, ...], List[List[int]]]:
    """The class set that a data set's ``metainfo`` names: names in index
    order, background first, and the RGB colour of each in ``labels_rgb``.

    ``metainfo`` may have ``classes``, the names or a file of them
    (:func:`read_classes`), as it is or relative to ``data_root``, by default
    AVSBench's 71; and ``palette``, their colours or a text file with one a
    line, by default VOC's. A ValueError if these can't be the classes of a
    data set.
    """
    metainfo = metainfo or {}

    def locate(path):
        below = osp.join(data_root, path)
        for candidate in (below, path):
            if fileio.exists(candidate, backend_args=backend_args):
                return candidate
        raise FileNotFoundError(
            f'metainfo names the file {path!r}, but there is none, neither '
            f'below the data_root {data_root!r} nor below the working '
            'directory.')

    names = metainfo.get('classes', AVSBENCH_CLASSES)
    if isinstance(names, str):
        names = read_classes(locate(names), backend_args)
    names = tuple(names)
    palette = metainfo.get('palette', voc_palette(len(names)))
    if isinstance(palette, str):
        path = locate(palette)
        try:
            palette = [
                [int(value) for value in line.replace(',', ' ').split()]
                for line in read_text(path, backend_args).splitlines()
                if line.strip()
            ]
        except ValueError as error:
            raise ValueError(f'{path} must hold three numbers a line, the '
                             f'colour of a class: {error}') from error
    palette = [list(color) for color in palette]
    if (len(names) < 2 or names[0] != 'background'
            or len(names) > IGNORE_INDEX or len(set(names)) < len(names)):
        raise ValueError(
            "metainfo.classes must be 'background' and up to "
            f'{IGNORE_INDEX - 1} other names, each once, but got '
            f'{len(names)}: {list(names[:5])}')
    joined = [name for name in names if '_' in name]
    if joined:
        raise ValueError(
            "no name in metainfo.classes may hold '_', by which a_obj joins "
            f"names, but got {joined}; write '-' there")
    colors = {tuple(color) for color in palette}
    if not len(palette) == len(colors) == len(names) or not all(
            len(color) == 3 and all(0 <= value <= 255 for value in color)
            for color in colors):
        raise ValueError(
            'metainfo.palette must be a different RGB colour (three values '
            f'from 0 to 255) for each of the {len(names)} classes, but got '
            f'{len(palette)}: {palette[:5]}')
    return names, palette


@functools.lru_cache(maxsize=8)
def _without_blanks(class_names: Tuple[str, ...]) -> Dict[str, str]:
    return {''.join(name.split()): name for name in class_names}


def parse_a_obj(text: str, class_names: Sequence[str]) -> Tuple[str, ...]:
    """Read the ``a_obj`` column: which classes sound in a clip, each once.

    The names are joined by ``_``. Cleaned on the way, as met in the release:
    blanks inside a name (``h orse``), ``off-the-screen`` and ``background``
    (no object), repeated names, and an empty column (the V3 lists). Any other
    name is a ValueError.
    """
    known = _without_blanks(tuple(class_names))
    names: List[str] = []
    for part in text.split('_'):
        word = ''.join(part.split())
        if not word or word in _NO_OBJECT:
            continue
        if word not in known:
            raise ValueError(
                f'a_obj is {text!r}, but {word!r} is none of the '
                f'{len(class_names)} classes ({", ".join(class_names[:4])}, '
                "...); are the data set's metainfo.classes right?")
        names.append(known[word])
    return tuple(dict.fromkeys(names))


def names_unseen_source(text: str) -> bool:
    """Whether ``a_obj`` says that something unlabelled sounds: 'off-the-
    screen' or 'background'."""
    return any(''.join(part.split()) in _NO_OBJECT
               for part in text.split('_'))


def check_label2idx(path: str,
                    class_names: Sequence[str],
                    backend_args: Optional[dict] = None) -> None:
    """Hold ``label2idx.json`` against a class list; ValueError otherwise.

    The file exists 0-based (background 0) and 1-based (background 1). Masks
    are 0-based in both, so only the order of the keys counts.
    """
    names = read_classes(path, backend_args)
    if names != tuple(class_names):
        place = next(
            i for i, (name, other) in enumerate(
                itertools.zip_longest(names, class_names)) if name != other)
        raise ValueError(
            f'{path} lists {len(names)} classes, expected {len(class_names)}'
            f'; from position {place} on: {list(names[place:place + 2])} '
            f"instead of {list(class_names[place:place + 2])}. Are the data "
            "set's metainfo.classes right?")
    table = read_json(path, backend_args)
    indices = list(table.values()) if isinstance(table, dict) else []
    if indices not in [
            list(range(base, base + len(names))) for base in (0, 1)
    ]:
        raise ValueError(
            f'{path} must number its classes 0, 1, 2, ... or 1, 2, 3, ... in '
            f'the order of its keys, but the numbers start {indices[:5]}')
