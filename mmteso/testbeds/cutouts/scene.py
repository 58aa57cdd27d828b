# Copyright (c) mmteso contributors. All rights reserved.
"""What a clip looks like: cutouts on a photograph, with or without shadows.

Lengths are fractions of the frame's side, so that a clip looks the same at
every frame size.
"""
from dataclasses import dataclass
from typing import List, Sequence, Tuple

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from ..synthavs.looks import stack_masks

#: Area of an object, as a share of the frame's, and its longest side.
AREAS = (0.04, 0.2)
LONGEST = 0.9
#: At least this share of each object, and of the frame, is seen of it in each
#: frame; the rest is hidden by others or cut off by the frame's edge.
MIN_OWN_SHARE = 0.5
MIN_FRAME_SHARE = 0.01
#: Share of the clips in which objects cast shadows.
SHADOWS = 0.5

_MAX_DRAWS = 500


@dataclass(frozen=True)
class Body:
    """An object of a clip: its cutout, and its pose in each frame."""
    picture: Image.Image
    scale: float  # of the picture's pixels, as a fraction of the side
    poses: np.ndarray  # (T, 4): x and y of the centre, size, angle in degrees

    def layer(self, frame: int, size: int) -> Tuple[Image.Image, int]:
        """The object alone in a transparent frame, RGBA, and how many pixels
        it would cover if nothing cut it off."""
        x, y, zoom, angle = self.poses[frame]
        factor = self.scale * zoom * size
        picture = self.picture.resize(
            tuple(max(1, round(n * factor)) for n in self.picture.size),
            Image.Resampling.LANCZOS)
        picture = picture.rotate(
            angle, Image.Resampling.BICUBIC, expand=True)
        canvas = Image.new('RGBA', (size, size))
        corner = (round(x * size - picture.width / 2),
                  round(y * size - picture.height / 2))
        canvas.paste(picture, corner)
        return canvas, int((_alpha(picture) >= 0.5).sum())


def _alpha(image: Image.Image) -> np.ndarray:
    """Opacity of each pixel in [0, 1]."""
    return np.asarray(image.getchannel('A'), np.float32) / 255


def sample_body(stamp: Image.Image, frames: int,
                rng: np.random.Generator) -> Body:
    """Draw an object's size, tone, place and path, which jitters."""
    picture = stamp
    if rng.uniform() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for kind in (ImageEnhance.Brightness, ImageEnhance.Contrast,
                 ImageEnhance.Color):
        picture = kind(picture).enhance(rng.uniform(0.8, 1.2))
    area = np.exp(rng.uniform(*np.log(AREAS)))
    scale = min(
        np.sqrt(area / (_alpha(picture) >= 0.5).sum()),
        LONGEST / max(picture.size))
    half = np.minimum(scale * np.array(picture.size) / 2, 0.45)
    # at the edge a quarter of it may be cut off
    start = rng.uniform(0.5 * half, 1 - 0.5 * half)
    times = np.arange(frames)[:, None]
    places = start + times * rng.normal(scale=0.02, size=2) + rng.normal(
        scale=0.01, size=(frames, 2))
    zooms = rng.uniform(0.95, 1.05, size=(frames, 1))
    angles = rng.uniform(-12, 12) + rng.normal(scale=2, size=(frames, 1))
    return Body(picture, float(scale),
                np.concatenate([places, zooms, angles], axis=1))


def place_bodies(
        stamps: Sequence[Image.Image], indices: Sequence[int], frames: int,
        size: int, rng: np.random.Generator
) -> Tuple[List[List[Image.Image]], List[np.ndarray]]:
    """Draw objects, of cutouts from bottom to top and their class indices,
    until enough is seen of each in every frame: for each frame the objects'
    layers, RGBA of the frame's size, and the index map, (size, size) uint8, of
    the topmost object that covers half of a pixel or more."""
    for _ in range(_MAX_DRAWS):
        bodies = [sample_body(stamp, frames, rng) for stamp in stamps]
        scenes, maps = [], []
        for frame in range(frames):
            layers, totals = zip(*(b.layer(frame, size) for b in bodies))
            labels, _ = stack_masks([_alpha(a) for a in layers], indices)
            seen = np.array([(labels == index).sum() for index in indices])
            if (seen < MIN_OWN_SHARE * np.array(totals)).any() or \
                    (seen < MIN_FRAME_SHARE * size**2).any():
                break
            scenes.append(list(layers))
            maps.append(labels)
        else:
            return scenes, maps
    raise RuntimeError(
        f'no placement of {len(stamps)} objects over {frames} frames of '
        f'{size} x {size} pixels shows enough of each, in {_MAX_DRAWS} draws; '
        'use a larger size or fewer frames')


def compose(photograph: Image.Image, scenes: Sequence[Sequence[Image.Image]],
            rng: np.random.Generator) -> List[np.ndarray]:
    """Paint frames, (size, size, 3) uint8 RGB: the layers of each, bottom to
    top, on a part of a photograph."""
    size = scenes[0][0].width
    if rng.uniform() < 0.5:
        photograph = photograph.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    shortest = min(photograph.size)
    side = shortest * rng.uniform(0.35, 0.95)
    corner = rng.uniform(size=2) * (np.array(photograph.size) - side)
    light = rng.uniform(0.75, 1.2)
    shadow = rng.uniform(0.3, 0.6) * (rng.uniform() < SHADOWS)
    shift = np.round(
        size * np.array([rng.uniform(-0.06, 0.06),
                         rng.uniform(0.02, 0.06)])).astype(int)
    images = []
    for layers in scenes:
        # the camera shakes a little
        x, y = np.clip(corner + rng.normal(scale=0.01 * side, size=2), 0,
                       np.array(photograph.size) - side)
        image = light * np.asarray(
            photograph.resize((size, size), Image.Resampling.LANCZOS,
                              box=(x, y, x + side, y + side)), np.float32)
        for layer in layers:
            if shadow:
                cast = Image.new('L', (size, size))
                cast.paste(layer.getchannel('A'), tuple(shift.tolist()))
                cast = cast.filter(ImageFilter.GaussianBlur(0.02 * size))
                image *= 1 - shadow * np.asarray(
                    cast, np.float32)[..., None] / 255
            opacity = _alpha(layer)[..., None]
            image += opacity * (
                np.asarray(layer.convert('RGB'), np.float32) - image)
        image += rng.normal(scale=2.5, size=image.shape)
        images.append(np.round(np.clip(image, 0, 255)).astype(np.uint8))
    return images
