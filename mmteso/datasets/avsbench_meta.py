# Copyright (c) mmteso contributors. All rights reserved.
"""Facts about AVSBench: classes, palette, subsets, and its two loose formats.

Everything that a file of the data set means (class indices, mask colours,
the order of ``label2idx.json``, the spelling of ``a_obj``) is decided here and
nowhere else. Sources: ``avss/color_dataloader.py`` of OpenNLPLab/AVSBench and
the ``metadata.csv`` of the AVSBench-semantic release.
"""
import json
from typing import Dict, FrozenSet, List, NamedTuple, Sequence, Tuple

import mmengine.fileio as fileio

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
TASKS: Tuple[str, str] = ('binary', 'semantic')
CLASS_SETS: Tuple[str, ...] = ('avsbench', 'synthavs', 'synthavs-hard')
SPLITS: Tuple[str, str, str] = ('train', 'val', 'test')
"""The splits of AVSBench; see :func:`get_splits` for another class set's."""

FRAMES_PER_CLIP: Dict[str, int] = dict(v1s=5, v1m=5, v2=10)
"""Subset folder -> frames (and seconds) of each of its clips."""

IGNORE_INDEX = 255

# What `a_obj` says where no class of the list is meant: nothing in the
# picture sounds (27 clips of v2), or no object at all (5 clips of v1m).
_NO_OBJECT = ('off-the-screen', 'background')


class TaskMeta(NamedTuple):
    """What a data set needs to know about its task.

    Attributes:
        classes (tuple[str]): Names of the classes to predict.
        palette (list[list[int]]): One RGB colour for each of ``classes``.
        class_names (tuple[str]): The semantic class set, background first;
            equal to ``classes`` in the semantic task.
        mask_palette (list[list[int]]): The colours of ``labels_rgb``, one
            for each of ``class_names``.
    """
    classes: Tuple[str, ...]
    palette: List[List[int]]
    class_names: Tuple[str, ...]
    mask_palette: List[List[int]]


def voc_palette(num_colors: int) -> List[List[int]]:
    """Colours of the PASCAL VOC palette, which AVSBench's masks use.

    Three bits of the index at a time go to red, green and blue, highest bit
    first (``color_map`` of the VOC development kit).

    Args:
        num_colors (int): How many colours, from index 0 (black) on; at
            most 256.

    Returns:
        list[list[int]]: RGB triples in [0, 255]; 1 is [128, 0, 0], 28 is
        [64, 64, 128].
    """
    if not 1 <= num_colors <= 256:
        raise ValueError('the VOC palette has 1 to 256 colours, but got '
                         f'num_colors={num_colors}')
    palette = []
    for index in range(num_colors):
        color = [0, 0, 0]
        for step in range(8):
            for channel in range(3):
                bit = index >> (3 * step + channel) & 1
                color[channel] |= bit << (7 - step)
        palette.append(color)
    return palette


def get_classes(class_set: str) -> Tuple[str, ...]:
    """Names of a class set in index order, background first.

    Args:
        class_set (str): 'avsbench' (71 classes), or 'synthavs' (8) or
            'synthavs-hard' (16), the variants of the embedded benchmark.

    Returns:
        tuple[str]: The names.
    """
    if class_set == 'avsbench':
        return AVSBENCH_CLASSES
    return _synthavs(class_set).classes


def get_splits(class_set: str) -> Tuple[str, ...]:
    """Splits of a class set's data.

    Args:
        class_set (str): See :func:`get_classes`.

    Returns:
        tuple[str]: 'train', 'val', 'test', and 'test_unseen' for
        'synthavs-hard'.
    """
    if class_set == 'avsbench':
        return SPLITS
    return tuple(_synthavs(class_set).split_parts)


def get_sound_alikes(class_set: str) -> Dict[str, FrozenSet[str]]:
    """Classes that nobody can tell apart by their sound alone.

    Args:
        class_set (str): See :func:`get_classes`.

    Returns:
        dict[str, frozenset[str]]: The others by class; empty for 'avsbench',
        of which nobody has said.
    """
    if class_set == 'avsbench':
        return {}
    return _synthavs(class_set).sound_alikes


def _synthavs(class_set: str):
    """The variant of SynthAVS that a class set belongs to."""
    # Imported late so that the SynthAVS generator may use this file.
    from mmteso.testbeds.synthavs import VARIANTS
    for variant in VARIANTS.values():
        if variant.class_set == class_set:
            return variant
    raise ValueError(f'class_set must be one of {list(CLASS_SETS)}, but got '
                     f'{class_set!r}')


def get_task_meta(task: str, class_set: str) -> TaskMeta:
    """Classes and palettes of a task.

    Args:
        task (str): 'binary' (sounding or not) or 'semantic' (which class).
        class_set (str): See :func:`get_classes`.

    Returns:
        TaskMeta: Classes and palettes.
    """
    class_names = get_classes(class_set)
    mask_palette = voc_palette(len(class_names))
    if task == 'binary':
        return TaskMeta(BINARY_CLASSES, [[0, 0, 0], [255, 255, 255]],
                        class_names, mask_palette)
    if task == 'semantic':
        return TaskMeta(class_names, mask_palette, class_names, mask_palette)
    raise ValueError(f'task must be one of {list(TASKS)}, but got {task!r}')


def parse_a_obj(text: str, class_names: Sequence[str]) -> Tuple[str, ...]:
    """Read the ``a_obj`` column: which objects sound in a clip.

    The names are joined by ``_``. Cleaned on the way, as met in the release:
    blanks inside a name (``h orse``), ``off-the-screen`` and ``background``
    (no object), repeated names, and an empty column (the V3 lists).

    Args:
        text (str): The column's text.
        class_names (Sequence[str]): The class set that it may name.

    Returns:
        tuple[str]: Class names in the column's order, each once.

    Raises:
        ValueError: A name that is neither a class nor known dirt.
    """
    names: List[str] = []
    for part in text.split('_'):
        name = ''.join(part.split())
        if not name or name in _NO_OBJECT or name in names:
            continue
        if name not in class_names:
            raise ValueError(
                f'a_obj is {text!r}, but {name!r} is none of the '
                f'{len(class_names)} classes ({", ".join(class_names[:4])}, '
                '...); is class_set right for this data set?')
        names.append(name)
    return tuple(names)


def names_unseen_source(text: str) -> bool:
    """Whether ``a_obj`` says that something unlabelled sounds.

    Args:
        text (str): The column's text.

    Returns:
        bool: Whether 'off-the-screen' or 'background' is among its names.
    """
    return any(''.join(part.split()) in _NO_OBJECT
               for part in text.split('_'))


def read_label2idx(path: str,
                   class_names: Sequence[str],
                   backend_args=None) -> Dict[str, int]:
    """Read ``label2idx.json`` and hold it against a class list.

    The file exists 0-based (background 0) and 1-based (background 1). Masks
    are 0-based in both, so only the order of the keys counts. Any other
    numbering, order or set of names is refused.

    Args:
        path (str): Path of the JSON file.
        class_names (Sequence[str]): The expected classes in index order.
        backend_args (dict, optional): Arguments of mmengine's file backend.
            Defaults to None.

    Returns:
        dict[str, int]: 0-based index by class name.

    Raises:
        ValueError: The file is no such table, or not of these classes.
    """
    try:
        table = json.loads(fileio.get_text(path, backend_args=backend_args))
    except json.JSONDecodeError as err:
        raise ValueError(f'{path} is not a JSON file: {err}') from err
    if not isinstance(table, dict):
        raise ValueError(f'{path} must hold an object {{class: index}}, but '
                         f'holds a {type(table).__name__}')
    names, indices = list(table), list(table.values())
    if names != list(class_names):
        position = next((i for i, pair in enumerate(zip(names, class_names))
                         if pair[0] != pair[1]),
                        min(len(names), len(class_names)))
        got, expected = [
            repr(seq[position]) if position < len(seq) else 'nothing'
            for seq in (names, class_names)
        ]
        raise ValueError(
            f'{path} lists {len(names)} classes, expected {len(class_names)}'
            f'; the first difference is at position {position}: got {got}, '
            f'expected {expected}. Is class_set right for this data set?')
    for base in (0, 1):
        if indices == list(range(base, base + len(names))):
            return {name: index for index, name in enumerate(names)}
    raise ValueError(
        f'{path} must number its classes 0, 1, 2, ... or 1, 2, 3, ... in the '
        f'order of its keys, but the numbers start {indices[:5]}')
