# Copyright (c) mmteso contributors. All rights reserved.
import random

import numpy as np
import torch

from mmteso.engine.seeding import (DATA_STREAM, MODEL_STREAM, derive_seed,
                                   preserve_cpu_generators, seed_cpu)


def test_derived_seeds_differ():
    seeds = {
        derive_seed(seed, rank, stream, step)
        for seed in (0, 1) for rank in (0, 1)
        for stream in (MODEL_STREAM, DATA_STREAM) for step in range(100)
    }
    assert len(seeds) == 800
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_generators_are_preserved():
    seed_cpu(3)
    expected = random.random(), np.random.rand(), torch.rand(2)
    seed_cpu(3)
    with preserve_cpu_generators():
        random.random(), np.random.rand(4), torch.rand(9)
    assert random.random() == expected[0]
    assert np.random.rand() == expected[1]
    assert torch.equal(torch.rand(2), expected[2])
