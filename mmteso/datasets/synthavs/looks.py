# Copyright (c) mmteso contributors. All rights reserved.
"""What SynthAVS's objects look like: shapes, colours, motion, drawing.

All lengths are fractions of the frame's side and all times are seconds, so a
clip looks the same at every frame size.
"""
import colorsys
import functools
from dataclasses import dataclass
from typing import Callable, List, Sequence, Tuple

import numpy as np
from PIL import Image

# Samples per pixel side when the coverage of a pixel is measured.
SUPERSAMPLE = 4


def _star(points: int, inner: float) -> Callable:
    """A star of outer radius 1, or a regular polygon where ``inner`` is
    ``cos(pi / points)``."""

    def inside(x, y):
        half = np.pi / points
        angle = np.abs((np.arctan2(y, x) + half) % (2 * half) - half)
        # The polar equation of the edge from tip (1, 0) to dent (inner, half).
        edge = inner * np.sin(half) / (
            np.sin(angle) + inner * np.sin(half - angle))
        return np.hypot(x, y) < edge

    return inside


def _disc(x, y):
    return np.hypot(x, y) < 1


def _cross(x, y):
    x, y = np.abs(x), np.abs(y)
    return (np.maximum(x, y) < 1) & (np.minimum(x, y) < 0.42)


def _ring(x, y):
    radius = np.hypot(x, y)
    return (radius < 1) & (radius > 0.5)


def _crescent(x, y):
    return (np.hypot(x, y) < 1) & (np.hypot(x - 0.6, y) > 0.62)


def _flower(x, y):
    return np.hypot(x, y) < 0.8 + 0.2 * np.cos(5 * np.arctan2(y, x))


@dataclass(frozen=True)
class Look:
    """Look of a class.

    Attributes:
        inside (Callable): Maps coordinates (x, y), arrays within [-1, 1], to
            a boolean array: whether the point belongs to the shape.
        hue (float): Hue of the HSV colour in [0, 1).
    """
    inside: Callable
    hue: float


LOOKS = {
    'red-disc': Look(_disc, 0.0),
    'orange-star': Look(_star(5, 0.55), 0.08),
    'yellow-triangle': Look(_star(3, np.cos(np.pi / 3)), 0.15),
    'green-square': Look(_star(4, np.cos(np.pi / 4)), 0.34),
    'cyan-cross': Look(_cross, 0.5),
    'blue-ring': Look(_ring, 0.63),
    'purple-crescent': Look(_crescent, 0.77),
    'pink-flower': Look(_flower, 0.90),
}


@functools.lru_cache(maxsize=None)
def _area_and_extent(name: str) -> Tuple[float, float]:
    """Area, and greatest distance from the origin, of a class's shape."""
    axis = (np.arange(400) + 0.5) / 200 * 1.45 - 1.45
    x, y = np.meshgrid(axis, axis)
    inside = LOOKS[name].inside(x, y)
    return inside.mean() * 2.9**2, float(np.hypot(x, y)[inside].max())


@dataclass(frozen=True)
class Body:
    """One object of a clip: a class's look with this clip's jitter and path.

    ``centre`` and ``swing`` are (x, y); the object's place at time t is
    ``centre + swing * sin(2 pi t / period + phase)``.
    """
    name: str
    area: float
    colour: Tuple[float, float, float]
    shade_angle: float
    angle: float
    spin: float
    centre: np.ndarray
    swing: np.ndarray
    period: np.ndarray
    phase: np.ndarray

    @property
    def scale(self) -> float:
        """Factor from the shape's unit coordinates to fractions of a side."""
        return float(np.sqrt(self.area / _area_and_extent(self.name)[0]))

    def place(self, second: float) -> np.ndarray:
        """Centre (x, y) at a time."""
        return self.centre + self.swing * np.sin(2 * np.pi * second /
                                                 self.period + self.phase)

    def coverage(self, second: float, size: int) -> np.ndarray:
        """Share of each pixel that the object covers, unoccluded.

        Args:
            second (float): Time in seconds.
            size (int): Side of the square frame in pixels.

        Returns:
            np.ndarray: (size, size) float32 in [0, 1].
        """
        covered = np.zeros((size, size), np.float32)
        centre = self.place(second)
        reach = self.scale * _area_and_extent(self.name)[1]
        low = np.clip(np.floor((centre - reach) * size), 0, size).astype(int)
        high = np.clip(np.ceil((centre + reach) * size), 0, size).astype(int)
        axes = [(np.arange(a * SUPERSAMPLE, b * SUPERSAMPLE) + 0.5) /
                (SUPERSAMPLE * size) - c
                for a, b, c in zip(low, high, centre)]
        x, y = np.meshgrid(*axes)
        turn = self.angle + self.spin * second
        cos, sin = np.cos(turn) / self.scale, np.sin(turn) / self.scale
        inside = LOOKS[self.name].inside(cos * x + sin * y, cos * y - sin * x)
        (x0, y0), (x1, y1) = low, high
        covered[y0:y1, x0:x1] = inside.reshape(
            y1 - y0, SUPERSAMPLE, x1 - x0, SUPERSAMPLE).mean(axis=(1, 3))
        return covered


def sample_body(name: str, rng: np.random.Generator) -> Body:
    """Draw an object that stays inside the frame at all times.

    Args:
        name (str): Class name.
        rng (np.random.Generator): Source of the jitter.

    Returns:
        Body: 4 to 10 % of the frame large, moving by up to 0.3 of its side.
    """
    area = rng.uniform(0.04, 0.10)
    unit_area, unit_extent = _area_and_extent(name)
    margin = np.sqrt(area / unit_area) * unit_extent
    swing = np.minimum(rng.uniform(0.03, 0.15, 2), 0.5 - margin)
    hue = (LOOKS[name].hue + rng.uniform(-0.022, 0.022)) % 1
    return Body(
        name=name,
        area=area,
        colour=colorsys.hsv_to_rgb(hue, rng.uniform(0.65, 1),
                                   rng.uniform(0.6, 1)),
        shade_angle=rng.uniform(0, 2 * np.pi),
        angle=rng.uniform(0, 2 * np.pi),
        spin=rng.uniform(-0.4, 0.4),
        centre=rng.uniform(margin + swing, 1 - margin - swing),
        swing=swing,
        period=rng.uniform(4, 12, 2),
        phase=rng.uniform(0, 2 * np.pi, 2))


def stack_masks(coverages: Sequence[np.ndarray],
                indices: Sequence[int]) -> Tuple[np.ndarray, List[float]]:
    """Label each pixel with the topmost object on it.

    Args:
        coverages (Sequence[np.ndarray]): Coverage maps, bottom to top.
        indices (Sequence[int]): Class index of each.

    Returns:
        tuple[np.ndarray, list[float]]: The index map (H, W) uint8, 0 where no
        object covers at least half of the pixel, and for each object the
        share of its own pixels that no other hides.
    """
    labels = np.zeros(coverages[0].shape, np.uint8)
    for index, coverage in zip(indices, coverages):
        labels[coverage >= 0.5] = index
    shares = [
        float((labels == index).sum() / max((coverage >= 0.5).sum(), 1))
        for index, coverage in zip(indices, coverages)
    ]
    return labels, shares


def sample_background(size: int, rng: np.random.Generator) -> np.ndarray:
    """A muted colour under a random texture of blotches at several scales.

    Args:
        size (int): Side in pixels.
        rng (np.random.Generator): Source of the texture.

    Returns:
        np.ndarray: (size, size, 3) float32 RGB, about [0, 1].
    """
    base = colorsys.hsv_to_rgb(
        rng.uniform(), rng.uniform(0, 0.35), rng.uniform(0.2, 0.8))
    texture = np.full((size, size, 3), base, np.float32)
    for cells, strength in ((3, 0.10), (6, 0.07), (16, 0.05)):
        # One brightness field and a weaker coloured one per scale.
        noise = rng.normal(size=(cells, cells, 4)).astype(np.float32)
        planes = [
            np.asarray(
                Image.fromarray(plane).resize((size, size), Image.BICUBIC))
            for plane in noise.transpose(2, 0, 1)
        ]
        texture += strength * planes[3][..., None]
        texture += 0.4 * strength * np.stack(planes[:3], axis=-1)
    return texture


def paint(background: np.ndarray, bodies: Sequence[Body],
          coverages: Sequence[np.ndarray],
          rng: np.random.Generator) -> np.ndarray:
    """Draw objects, bottom to top, on a background and add sensor noise.

    Args:
        background (np.ndarray): (size, size, 3) float RGB, about [0, 1].
        bodies (Sequence[Body]): The objects.
        coverages (Sequence[np.ndarray]): Their coverage maps, same order.
        rng (np.random.Generator): Source of the sensor noise.

    Returns:
        np.ndarray: (size, size, 3) uint8 RGB.
    """
    size = len(background)
    axis = (np.arange(size) + 0.5) / size - 0.5
    image = background.copy()
    for body, coverage in zip(bodies, coverages):
        # A linear gradient across the frame, so that colour isn't constant.
        shade = 1 + 0.3 * (
            np.cos(body.shade_angle) * axis[None, :] +
            np.sin(body.shade_angle) * axis[:, None])
        colour = shade[..., None] * np.asarray(body.colour)
        image += coverage[..., None] * (colour - image)
    image += rng.normal(scale=0.015, size=image.shape)
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
