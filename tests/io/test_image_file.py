# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from PIL import Image

from mmteso.io import decode_labels, read_image

ORIENTATION = 0x0112
# how a picture is stored that has to be turned as EXIF's number says, by what
# NumPy undoes it with
STORED = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: np.rot90(x, 2),
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x),
    7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
    8: lambda x: np.rot90(x, -1)
}


def picture():
    """16 x 32, no two corners alike."""
    image = np.zeros((16, 32, 3), np.uint8)
    image[:8, :8], image[:8, -8:] = (250, 0, 0), (0, 250, 0)
    image[-8:, :8] = (0, 0, 250)
    return image


def save(path, pixels, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image = Image.fromarray(np.ascontiguousarray(pixels))
    options = dict(quality=100) if path.suffix == '.jpg' else {}
    image.save(path, exif=exif, **options)
    return str(path)


def as_a_model_sees_it(path):
    return LoadImageFromFile()(dict(img_path=path))['img'][..., ::-1]


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
@pytest.mark.parametrize('orientation', STORED)
def test_turned_pictures_are_upright(tmp_path, suffix, orientation):
    upright = picture()
    path = save(tmp_path / f'phone{suffix}', STORED[orientation](upright),
                orientation)
    image = read_image(path)
    assert image.shape == upright.shape and image.dtype == np.uint8
    # JPEG halves the resolution of colours
    error = np.abs(image.astype(int) - upright).mean()
    assert error < (8 if suffix == '.jpg' else 1e-9)
    np.testing.assert_array_equal(image, as_a_model_sees_it(path))
    labels = upright.argmax(-1).astype(np.uint8)
    path = tmp_path / 'mask.png'
    save(path, STORED[orientation](labels), orientation)
    np.testing.assert_array_equal(decode_labels(path.read_bytes()), labels)
