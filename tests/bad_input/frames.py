# Copyright (c) mmteso contributors. All rights reserved.
"""Frames."""
import shutil
import struct
import zlib

import numpy as np
from PIL import Image

from mmteso.io import read_image
from .spoiling import (FRAME, MASK, SIZE, SOUND, cut, folder, move, near, same,
                       write)


def picture(mode=None, kind='PNG', size=None, **options):
    """The frame written in another way."""

    def spoil(root):
        image = Image.fromarray(read_image(str(root / FRAME)))
        if size:
            image = image.resize(size)
        image.convert(mode or 'RGB').save(root / FRAME, kind, **options)

    return spoil


def turned(orientation, mask=True):
    """A frame that is stored turned and says so beside an upright mask, or
    beside one that is turned without saying so."""
    undo = {
        1: [], 2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]
    }[orientation]  # of Image.Transpose, from upright to stored

    def spoil(root):
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = Image.fromarray(read_image(str(root / FRAME)))
        for step in undo:
            image = image.transpose(step)
        image.save(root / FRAME, 'PNG', exif=exif)
        if not mask:
            with Image.open(root / MASK) as labels:
                labels.transpose(undo[0]).save(root / MASK)

    return spoil


def png16(root):
    """16 bits a channel, which Pillow can't write."""
    image = read_image(str(root / FRAME)).astype('>u2') * 257
    rows = b''.join(b'\0' + row.tobytes() for row in image)

    def chunk(kind, data):
        return (struct.pack('>I', len(data)) + kind + data +
                struct.pack('>I', zlib.crc32(kind + data)))

    head = struct.pack('>IIBBBBB', *SIZE[::-1], 16, 2, 0, 0, 0)
    (root / FRAME).write_bytes(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) +
                               chunk(b'IDAT', zlib.compress(rows)) +
                               chunk(b'IEND', b''))


def resized(width, height):
    """Frame and mask have another size than the clip's other frames."""

    def spoil(root):
        picture(size=(width, height), compress_level=0)(root)
        with Image.open(root / MASK) as mask:
            mask.resize((width, height), 0).save(root / MASK)

    return spoil


def sized(width, height):
    shape = height, width
    return same(img=lambda value, good: value.shape[:2] == shape,
                mask=lambda value, good: value.shape == shape)


BROKEN = r'0\.jpg" .* cannot be decoded.*copy it anew'
ABSENT = r'0\.jpg \(expected 5 frames\)'
FRAMES = {
    'empty': (write(FRAME, b''), BROKEN),
    'text': (write(FRAME, 'no image'), BROKEN),
    'page of an error': (write(FRAME, '<html>404</html>' * 99), BROKEN),
    'head cut': (write(FRAME, lambda old: old[9:]), BROKEN),
    **{f'cut at {share:.0%}': (write(FRAME, cut(share)), BROKEN)
       for share in (.05, .5, .9, .999)},
    'PNG cut': ([picture(), write(FRAME, cut(.9))], BROKEN),
    'PNG with a wrong checksum': (
        [picture(), write(FRAME, lambda old: old[:60] + b'\0\0' + old[62:])],
        BROKEN),
    'WebP cut': ([picture(kind='WEBP'), write(FRAME, cut(.5))], BROKEN),
    'icon': (picture(kind='ICO'), BROKEN),
    'a sound': (lambda root: shutil.copy(root / SOUND, root / FRAME), BROKEN),
    'a folder': (folder(FRAME), r'0\.jpg" cannot be read .*copy it anew'),
    'missing': (lambda root: (root / FRAME).unlink(), ABSENT),
    'a link to nowhere': (lambda root: (
        (root / FRAME).unlink(), (root / FRAME).symlink_to('nowhere')),
        r'0\.jpg" does not exist.*skip'),
    'other suffix in the name': (move('frames/0.jpg', 'frames/0.png'),
                                 ABSENT),
    'suffix in capitals': (move('frames/0.jpg', 'frames/0.JPG'), ABSENT),
    'number with zeros': (move('frames/0.jpg', 'frames/00000.jpg'), ABSENT),
    'counted from 1': (move('frames/0.jpg', 'frames/5.jpg'), ABSENT),
    'folder missing': (move('frames', 'images'),
                       r'frames \(expected frames 0\.jpg, \.\.\.'),
    'bytes behind the end': (write(FRAME, lambda old: old + b'x' * 99),
                             same()),
    **{f'{kind} named .jpg': (picture(kind=kind, **options), same())
       for kind, options in (('PNG', {}), ('BMP', {}), ('TIFF', {}),
                             ('WEBP', dict(lossless=True)))},
    'progressive': (picture(kind='JPEG', progressive=True, quality=100),
                    same(img=near(24))),
    'CMYK': (picture('CMYK', 'JPEG', quality=95, subsampling=0),
             same(img=near(16))),
    'grey JPEG': (picture('L', 'JPEG', quality=95),
                  same(img=lambda value, good: np.ptp(value, 2).max() == 0)),
    'grey PNG': (picture('L'),
                 same(img=lambda value, good: np.ptp(value, 2).max() == 0)),
    '1 bit': (picture('1'), same(img=lambda value, good: set(
        np.unique(value)) == {0, 255})),
    'palette': (picture('P', ), same(img=lambda value, good: value.shape ==
                                     good.shape and value.std() > 5)),
    'alpha': (picture('RGBA'), same()),
    'grey with alpha': (
        picture('LA'),
        same(img=lambda value, good: np.ptp(value, 2).max() == 0)),
    '16 bit': (png16, same()),
    '1 x 1': (resized(1, 1), sized(1, 1)),
    '1 x 999': (resized(999, 1), sized(999, 1)),
    'very large': (resized(1600, 1200), sized(1600, 1200)),
    'sizes that differ in a clip': (resized(40, 20), sized(40, 20)),
    'header says 100000 x 100000': (
        [picture(), write(FRAME, lambda old: (head := struct.pack(
            '>4sIIBBBBB', b'IHDR', 100000, 100000, 8, 2, 0, 0, 0)) and
            old[:12] + head + struct.pack('>I', zlib.crc32(head)) +
            old[33:])], BROKEN),
    **{f'EXIF {number} beside an upright mask': (turned(number), same())
       for number in range(1, 9)},
    **{f'EXIF {number} beside a mask as stored': (
        turned(number, mask=False),
        r'0\.png has .* 32 x 24, expected the 24 x 32 .*EXIF')
       for number in range(5, 9)},
}
