# Copyright (c) mmteso contributors. All rights reserved.
"""What Meta's own code made of a small SAM with known weights.

``meta_sam.json`` holds the names and shapes of the weights, some of what
segment_anything computed, and how it wants its images normalised; the weights
themselves are drawn again from the names' order. The script that wrote it
is this file at commit 95979e5.
"""
import json
from pathlib import Path
from typing import Dict

import pytest
import torch
from torch import Tensor

FILE = Path(__file__).with_suffix('.json')


def reference() -> dict:
    """The file's content, with ``shapes`` as lists by name."""
    content = json.loads(FILE.read_text(encoding='utf-8'))
    content['shapes'] = {name: [int(size) for size in sizes.split()]
                         for name, sizes in content['shapes'].items()}
    return content


def _draw(number: int, shape, scale: float) -> Tensor:
    rng = torch.Generator().manual_seed(number)
    return scale * torch.randn(tuple(shape), generator=rng)


def random_state_dict(shapes: Dict[str, list]) -> Dict[str, Tensor]:
    """Weights under Meta's names, each from a seed of its own."""
    return {name: _draw(number, shapes[name], 0.3)
            for number, name in enumerate(sorted(shapes))}


def images() -> Tensor:
    """(2, 3, 64, 64)."""
    return _draw(1000, (2, 3, 64, 64), 1.0)


def summary(values: Tensor) -> dict:
    """Deviation and a few values of a tensor, enough to tell it."""
    flat = values.flatten().double()
    places = torch.linspace(0, len(flat) - 1, min(len(flat), 24)).long()
    return dict(shape=list(values.shape), std=flat.std().item(),
                values=flat[places].tolist())


def assert_equals_summary(values: Tensor, expected: dict) -> None:
    """Compare a tensor with what Meta's code gave, to 1e-4."""
    assert expected['std'] > 0.1  # it isn't a constant that is compared
    for key, value in summary(values).items():
        assert value == pytest.approx(expected[key], abs=1e-4, rel=1e-4)
