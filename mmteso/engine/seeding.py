# Copyright (c) mmteso contributors. All rights reserved.
"""Seeds that follow from what is seeded, and the generators of a process."""
import random
from contextlib import contextmanager
from typing import Iterator

import numpy as np
import torch

# Three independent families of random streams.
MODEL_STREAM, EPOCH_STREAM, DATA_STREAM = range(3)


def derive_seed(seed: int, rank: int, stream: int, step: int) -> int:
    """A seed for one step of one process, independent of all others.

    Args:
        seed (int): The runner's seed.
        rank (int): The process.
        stream (int): Which consumer of random numbers.
        step (int): The iteration, from 0.

    Returns:
        int: In [0, 2**32).
    """
    words = np.random.SeedSequence((seed, rank, stream, step))
    return int(words.generate_state(1, dtype=np.uint32)[0])


def seed_cpu(seed: int) -> None:
    """Seed Python's, NumPy's and torch's CPU generator."""
    random.seed(seed)
    np.random.seed(seed)
    # not torch.manual_seed: that seeds the GPUs as well
    torch.random.default_generator.manual_seed(seed)


@contextmanager
def preserve_cpu_generators() -> Iterator[None]:
    """Give Python's, NumPy's and torch's CPU generator back unchanged."""
    states = (random.getstate(), np.random.get_state(),
              torch.random.get_rng_state())
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.random.set_rng_state(states[2])
