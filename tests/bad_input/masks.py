# Copyright (c) mmteso contributors. All rights reserved.
"""Masks."""
import shutil

import numpy as np
from PIL import Image

from mmteso.datasets.avsbench_meta import voc_palette
from .spoiling import INDEX, MASK, SIZE, cut, folder, move, same, write


def mask(change, path=MASK, kind='PNG', mode=None, **options):
    """A mask's array changed, or written in another way."""

    def spoil(root):
        with Image.open(root / path) as image:
            labels = np.array(image)
        changed = Image.fromarray(change(labels.copy()))
        (changed.convert(mode) if mode else changed).save(
            root / path, kind, **options)

    return spoil


def put(values, rows=slice(0, 1), columns=slice(None)):
    """Some pixels of a mask have other values."""

    def change(labels):
        labels[rows, columns] = values
        return labels

    return change


def keep(labels):
    return labels


def index(spoil, **options):
    """The same of the masks of indices."""

    def read_indices(root):
        spoil(root)
        return dict(mask_source='labels_semantic', **options)

    return read_indices


def binary(labels):
    return (labels > 0).astype(np.uint8)


def palettes(source, path):
    """Indices with the palette of their colours."""

    def spoil(root):
        with Image.open(root / source) as image:
            image.putpalette(np.ravel(voc_palette(256)).tolist())
            image.save(root / path)

    return spoil


def ones(value, **more):
    """The object's pixels have this value in place of theirs."""
    return same(mask=lambda found, good: np.array_equal(
        found, np.where(good > 0, value, 0)), **more)


def first(value, columns=slice(0, 7), **more):
    """Pixels at the head of the mask have this value."""

    def check(found, good):
        expected = good.copy()
        expected[0, columns] = value
        return np.array_equal(found, expected)

    return same(mask=check, **more)


BROKEN = r"frame 0: the mask .*0\.png can't be decoded .*copy it anew"
UNKNOWN = r'of 768 pixels of .*0\.png have an unknown {}: {}.*Mend the file'
OTHER_SIZE = r'0\.png has height x width {} x {}, expected the 24 x 32'
ALPHA = np.full((*SIZE, 1), 255, np.uint8)
MASKS = {
    'empty': (write(MASK, b''), BROKEN),
    'text': (write(MASK, 'no image'), BROKEN),
    **{f'cut at {share:.0%}': (write(MASK, cut(share)), BROKEN)
       for share in (.05, .5, .7)},
    'all but its end': (write(MASK, lambda old: old[:-12]), same()),
    'wrong checksum': (write(MASK, lambda old: old[:45] + b'\0\0' + old[47:]),
                       BROKEN),
    'a folder': (folder(MASK), r'0\.png can\'t be read .*copy it anew'),
    'missing': (lambda root: (root / MASK).unlink(),
                r'0\.png \(expected the mask of the frame\)'),
    'folder missing': (move('labels_rgb', 'masks'),
                       r'labels_rgb \(expected the masks .*with_masks=False'),
    'smaller': (mask(lambda labels: labels[::2, ::2]),
                OTHER_SIZE.format(12, 16)),
    'transposed': (mask(lambda labels: labels.transpose(1, 0, 2)),
                   OTHER_SIZE.format(32, 24) + '.*turned'),
    'one row less': (mask(lambda labels: labels[1:]),
                     OTHER_SIZE.format(23, 32)),
    '1 x 1': (mask(lambda labels: labels[:1, :1]), OTHER_SIZE.format(1, 1)),
    'unknown colours': (mask(put((1, 2, 3))),
                        UNKNOWN.format('colour', r'\(1, 2, 3\)')),
    'few of unknown colour': (mask(put((1, 2, 3), columns=slice(0, 7))),
                              first(255)),
    'few, to be background': (
        lambda root: mask(put((1, 2, 3), columns=slice(0, 7)))(root) or dict(
            masks=dict(unknown_color='background')), first(0)),
    'one, to be an error': (
        lambda root: mask(put((1, 2, 3), columns=slice(0, 1)))(root) or dict(
            masks=dict(unknown_color='error')),
        '1 ' + UNKNOWN.format('colour', r'\(1, 2, 3\)')),
    "VOC's colour for ignored": (mask(put((224, 224, 192))),
                                 first(255, slice(None))),
    '0 and 255 for colours': (mask(lambda labels: 255 * binary(
        labels.max(2))), UNKNOWN.format('colour', r'\(255, 255, 255\)')),
    '0 and 1 for colours': (mask(lambda labels: binary(labels.max(2))),
                            UNKNOWN.format('colour', r'\(1, 1, 1\)')),
    'indices for colours': (
        lambda root: shutil.copy(root / INDEX, root / MASK),
        UNKNOWN.format('colour', r'\(\d+, \d+, \d+\)')),
    'colours of a palette': (palettes(INDEX, MASK), same()),
    'colours with alpha': (mask(lambda labels: np.concatenate(
        [labels, ALPHA], 2)), same()),
    'JPEG named .png': (mask(keep, kind='JPEG'), UNKNOWN.format('colour', '')),
    'BMP named .png': (mask(keep, kind='BMP'), same()),
    'background alone': (mask(np.zeros_like), same(
        mask=np.zeros(SIZE, np.uint8))),
    'indices': (index(lambda root: None), same()),
    'index beyond the classes': (
        index(mask(put(99), INDEX)), UNKNOWN.format('index', '99')),
    'few beyond the classes': (
        index(mask(put(99, columns=slice(0, 7)), INDEX)), first(255)),
    'index 255': (index(mask(put(255), INDEX)), first(255, slice(None))),
    'negative index': (
        index(mask(lambda labels: put(-1)(labels.astype(np.int32)), INDEX,
                   'TIFF')), UNKNOWN.format('index', '-1')),
    'index that is no integer': (
        index(mask(lambda labels: put(1.5)(labels.astype(np.float32)), INDEX,
                   'TIFF')), UNKNOWN.format('index', '1.5')),
    'index 2 ** 31': (
        index(mask(lambda labels: put(2.**31)(labels.astype(np.float32)),
                   INDEX, 'TIFF')), UNKNOWN.format('index', '2147483648')),
    'index NaN': (
        index(mask(lambda labels: put(np.nan)(labels.astype(np.float32)),
                   INDEX, 'TIFF')), UNKNOWN.format('index', 'nan')),
    '16 bit indices': (
        index(mask(lambda labels: labels.astype(np.uint16), INDEX)), same()),
    'floats that are indices': (
        index(mask(lambda labels: labels.astype(np.float32), INDEX, 'TIFF')),
        same()),
    'indices of a palette': (index(palettes(INDEX, INDEX)), same()),
    '0 and 1 for indices': (index(mask(binary, INDEX)), ones(1)),
    '1 bit for indices': (
        index(mask(lambda labels: labels > 0, INDEX)), ones(1)),
    '0 and 255 for indices': (
        index(mask(lambda labels: 255 * binary(labels), INDEX)),
        ones(255, warns='png holds 0 and 255 alone, and 255 is ignored')),
    'colours for indices': (
        index(lambda root: shutil.copy(root / MASK, root / INDEX)),
        r"0\.png has the shape .*mask_source='labels_rgb'"),
    'index with alpha': (
        index(mask(keep, INDEX, mode='LA')), r"0\.png has the shape"),
    'indices cut': (index(write(INDEX, cut(.6))), BROKEN),
}
