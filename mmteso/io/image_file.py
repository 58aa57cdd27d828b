# Copyright (c) mmteso contributors. All rights reserved.
"""Reading pictures, in one way wherever they are looked at."""
import io
from typing import Optional

import mmcv
import numpy as np
from mmengine.fileio import get
from PIL import Image, ImageOps


def read_image(path: str, backend_args: Optional[dict] = None) -> np.ndarray:
    """Read a picture as a model's ``LoadImageFromFile`` does, as RGB, uint8
    (H, W, 3).

    Turned as its EXIF orientation says (phones store sideways and say so), 16
    bits scaled to 8, transparency dropped. A captioner and a figure have to
    see what the model sees; Pillow alone does neither of the first two.

    The path is any that mmengine's file backends understand. A
    FileNotFoundError if there is no such file, a ValueError if it can't be
    decoded.
    """
    try:
        content = get(path, backend_args=backend_args)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'The image "{path}" does not exist.') from error
    except OSError as error:
        raise OSError(f'The image "{path}" cannot be read ({error}): copy it '
                      'anew.') from error
    try:
        return mmcv.imfrombytes(
            content, flag='color', channel_order='rgb', backend='cv2')
    except Exception as error:  # OpenCV has kinds of its own
        raise ValueError(
            f'The image "{path}" ({len(content)} bytes) cannot be decoded. '
            'The file is broken or cut short: copy it anew.') from error


def decode_labels(content: bytes) -> np.ndarray:
    """Decode a picture whose pixels are numbers, a mask of class indices.

    Turned as its EXIF orientation says, as its frame is. (H, W) of one
    channel, grey values or the indices of a palette; (H, W, C) of colours. An
    OSError if Pillow can't decode it.
    """
    with Image.open(io.BytesIO(content)) as image:
        return np.array(ImageOps.exif_transpose(image))
