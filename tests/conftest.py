# Copyright (c) mmteso contributors. All rights reserved.
import os

if 'MMTESO_TEST_GPU' not in os.environ:
    # `make test` is the same on every machine: mmengine's runner would move
    # its models to a GPU that it sees, and the numbers are those of a CPU.
    # Here, because CUDA reads it once.
    os.environ['CUDA_VISIBLE_DEVICES'] = '-1'

import pytest
import torch

# before any test module imports mmseg.models: see mmteso/ops/stand_in.py
import mmteso  # noqa: F401


def pytest_collection_modifyitems(items):
    """Skip tests marked gpu where no CUDA device is to be seen."""
    if torch.cuda.is_available():
        return
    skip = pytest.mark.skip(reason='needs a CUDA device: make test-gpu')
    for item in items:
        if 'gpu' in item.keywords:
            item.add_marker(skip)
