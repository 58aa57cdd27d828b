# Copyright (c) mmteso contributors. All rights reserved.
"""What SynthAVS's objects look like: colours, motion, drawing.

All lengths are fractions of the frame's side and all times are seconds, so a
clip looks the same at every frame size.
"""
import colorsys
import functools
from dataclasses import dataclass
from typing import Callable, List, Optional, Sequence, Tuple

import numpy as np
from PIL import Image

from .shapes import Plane

# Samples per pixel side when the coverage of a pixel is measured.
SUPERSAMPLE = 4

#: RGB in [0, 1].
Colour = Tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    """Look of a class."""
    inside: Plane  # the outline
    # draws an object's colours: one, or two with a pattern
    colours: Callable[[np.random.Generator], Tuple[Colour, ...]]
    # where the second colour is; it turns and moves with the object
    pattern: Optional[Plane] = None
    # least and greatest period of the pattern
    periods: Optional[Tuple[float, float]] = None


def near_hue(hue: float) -> Callable[[np.random.Generator], Tuple[Colour]]:
    """Draws one vivid colour within 0.022 of a hue in [0, 1)."""
    return lambda rng: _vivid((hue + rng.uniform(-0.022, 0.022)) % 1, rng)


def any_hue(rng: np.random.Generator) -> Tuple[Colour]:
    """Draw one vivid RGB colour of any hue, in [0, 1]."""
    return _vivid(rng.uniform(), rng)


def _vivid(hue: float, rng: np.random.Generator) -> Tuple[Colour]:
    return (colorsys.hsv_to_rgb(hue, rng.uniform(0.65, 1),
                                rng.uniform(0.6, 1)), )


def two_tones(rng: np.random.Generator) -> Tuple[Colour, Colour]:
    """Draw a light and a dark RGB colour of any hues, in random order; every
    channel of the light one is brighter than any of the dark one."""
    light = colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.1, 0.5),
                                rng.uniform(0.85, 1))
    dark = colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.3, 1),
                               rng.uniform(0.05, 0.3))
    return (light, dark) if rng.uniform() < 0.5 else (dark, light)


@functools.lru_cache(maxsize=None)
def _area_and_extent(inside: Plane) -> Tuple[float, float]:
    """Area, and greatest distance from the origin, of an outline."""
    axis = (np.arange(400) + 0.5) / 200 * 1.45 - 1.45
    x, y = np.meshgrid(axis, axis)
    covered = inside(x, y)
    return covered.mean() * 2.9**2, float(np.hypot(x, y)[covered].max())


@dataclass(frozen=True)
class Body:
    """One object of a clip: a class's look with this clip's jitter and path.

    ``centre`` and ``swing`` are (x, y); the object's place at time t is
    ``centre + swing * sin(2 pi t / period + phase)``. ``pattern_period`` is
    a fraction of the frame's side and ``pattern_offset`` in periods.
    """
    look: Look
    area: float
    colours: Tuple[Colour, ...]
    shade_angle: float
    angle: float
    spin: float
    centre: np.ndarray
    swing: np.ndarray
    period: np.ndarray
    phase: np.ndarray
    pattern_period: float
    pattern_offset: Sequence[float]

    @property
    def scale(self) -> float:
        """Factor from the shape's unit coordinates to fractions of a side."""
        unit_area, _ = _area_and_extent(self.look.inside)
        return float(np.sqrt(self.area / unit_area))

    def _samples(self, second: float, size: int):
        """Rows and columns of the object's box as slices, and the sample
        points in it, SUPERSAMPLE per pixel side, in the outline's coordinates.
        """
        centre = self.centre + self.swing * np.sin(2 * np.pi * second /
                                                   self.period + self.phase)
        reach = self.scale * _area_and_extent(self.look.inside)[1]
        low = np.clip(np.floor((centre - reach) * size), 0, size).astype(int)
        high = np.clip(np.ceil((centre + reach) * size), 0, size).astype(int)
        axes = [(np.arange(a * SUPERSAMPLE, b * SUPERSAMPLE) + 0.5) /
                (SUPERSAMPLE * size) - c
                for a, b, c in zip(low, high, centre)]
        x, y = np.meshgrid(*axes)
        turn = self.angle + self.spin * second
        cos, sin = np.cos(turn) / self.scale, np.sin(turn) / self.scale
        return (slice(low[1], high[1]), slice(low[0], high[0]),
                cos * x + sin * y, cos * y - sin * x)

    def coverage(self, second: float, size: int) -> np.ndarray:
        """Share of each pixel that the object covers, unoccluded: (size, size)
        float32."""
        covered = np.zeros((size, size), np.float32)
        rows, columns, x, y = self._samples(second, size)
        covered[rows, columns] = _pixel_means(self.look.inside(x, y))
        return covered

    def tones(self, second: float, size: int) -> np.ndarray:
        """RGB in [0, 1] before shading: (3, ) without a pattern, with one
        (size, size, 3), the first colour outside the object's box."""
        first = np.asarray(self.colours[0])
        if self.look.pattern is None:
            return first
        rows, columns, x, y = self._samples(second, size)
        scale = self.scale / self.pattern_period
        marked = self.look.pattern(scale * x + self.pattern_offset[0],
                                   scale * y + self.pattern_offset[1])
        share = np.zeros((size, size, 1))
        share[rows, columns, 0] = _pixel_means(marked)
        return first + share * (np.asarray(self.colours[1]) - first)


def _pixel_means(samples: np.ndarray) -> np.ndarray:
    """(H * SUPERSAMPLE, W * SUPERSAMPLE) -> (H, W)."""
    height, width = (side // SUPERSAMPLE for side in samples.shape)
    return samples.reshape(height, SUPERSAMPLE, width,
                           SUPERSAMPLE).mean(axis=(1, 3))


def sample_body(look: Look, rng: np.random.Generator,
                areas: Tuple[float, float]) -> Body:
    """Draw an object that stays inside the frame at all times, of a share of
    its area, and moves by up to 0.3 of the side."""
    area = rng.uniform(*areas)
    unit_area, unit_extent = _area_and_extent(look.inside)
    margin = np.sqrt(area / unit_area) * unit_extent
    swing = np.minimum(rng.uniform(0.03, 0.15, 2), 0.5 - margin)
    return Body(
        look=look,
        area=area,
        colours=look.colours(rng),
        shade_angle=rng.uniform(0, 2 * np.pi),
        angle=rng.uniform(0, 2 * np.pi),
        spin=rng.uniform(-0.4, 0.4),
        centre=rng.uniform(margin + swing, 1 - margin - swing),
        swing=swing,
        period=rng.uniform(4, 12, 2),
        phase=rng.uniform(0, 2 * np.pi, 2),
        pattern_period=rng.uniform(*look.periods) if look.periods else 1.0,
        pattern_offset=rng.uniform(size=2) if look.periods else (0.0, 0.0))


def stack_masks(coverages: Sequence[np.ndarray],
                indices: Sequence[int]) -> Tuple[np.ndarray, List[float]]:
    """Label each pixel with the topmost object on it, given coverage maps from
    bottom to top and their classes' indices: the index map (H, W) uint8, 0
    where no object covers at least half of the pixel, and for each object the
    share of its own pixels that no other hides."""
    labels = np.zeros(coverages[0].shape, np.uint8)
    for index, coverage in zip(indices, coverages):
        labels[coverage >= 0.5] = index
    shares = [
        float((labels == index).sum() / max((coverage >= 0.5).sum(), 1))
        for index, coverage in zip(indices, coverages)
    ]
    return labels, shares


def sample_background(size: int, rng: np.random.Generator) -> np.ndarray:
    """A muted colour under a random texture of blotches at several scales:
    (size, size, 3) float32 RGB, about [0, 1]."""
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
          coverages: Sequence[np.ndarray], second: float,
          rng: np.random.Generator) -> np.ndarray:
    """Draw objects, bottom to top, with their coverage maps at a time on a
    background and add sensor noise: (size, size, 3) uint8 RGB."""
    size = len(background)
    axis = (np.arange(size) + 0.5) / size - 0.5
    image = background.copy()
    for body, coverage in zip(bodies, coverages):
        # A linear gradient across the frame, so that colour isn't constant.
        shade = 1 + 0.3 * (
            np.cos(body.shade_angle) * axis[None, :] +
            np.sin(body.shade_angle) * axis[:, None])
        colour = shade[..., None] * body.tones(second, size)
        image += coverage[..., None] * (colour - image)
    image += rng.normal(scale=0.015, size=image.shape)
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
