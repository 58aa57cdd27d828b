# Copyright (c) mmteso contributors. All rights reserved.
"""Outlines and two-tone patterns of SynthAVS's objects.

An outline maps coordinates (x, y), arrays within about [-1, 1], to a boolean
array: whether the point belongs to the shape. A pattern maps coordinates in
periods to a boolean array: whether the point has the second tone.
"""
from typing import Callable

import numpy as np

#: An outline or a pattern.
Plane = Callable[[np.ndarray, np.ndarray], np.ndarray]


def star(points: int, inner: float) -> Plane:
    """Outline: a star with tips at radius 1 and dents at radius ``inner``;
    ``cos(pi / points)`` makes a regular polygon."""

    def inside(x, y):
        half = np.pi / points
        angle = np.abs((np.arctan2(y, x) + half) % (2 * half) - half)
        # The polar equation of the edge from tip (1, 0) to dent (inner, half).
        edge = inner * np.sin(half) / (
            np.sin(angle) + inner * np.sin(half - angle))
        return np.hypot(x, y) < edge

    return inside


def ring(hole: float) -> Plane:
    """Outline: a ring of outer radius 1 around a hole of radius ``hole``."""

    def inside(x, y):
        radius = np.hypot(x, y)
        return (radius < 1) & (radius > hole)

    return inside


def disc(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Outline: a disc."""
    return np.hypot(x, y) < 1


def cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Outline: a cross of two bars."""
    x, y = np.abs(x), np.abs(y)
    return (np.maximum(x, y) < 1) & (np.minimum(x, y) < 0.42)


def crescent(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Outline: a disc with a disc bitten off."""
    return (np.hypot(x, y) < 1) & (np.hypot(x - 0.6, y) > 0.62)


def flower(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Outline: five petals."""
    return np.hypot(x, y) < 0.8 + 0.2 * np.cos(5 * np.arctan2(y, x))


def stripes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pattern: straight stripes, as wide as their gaps."""
    return x % 1 < 0.5


def dots(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pattern: round dots on a square grid; they cover 31 %."""
    return np.hypot(x % 1 - 0.5, y % 1 - 0.5) < 0.315


def checks(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pattern: a chessboard with two fields to the period."""
    return (x % 1 < 0.5) ^ (y % 1 < 0.5)
