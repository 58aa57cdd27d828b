# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch

# before any test module imports mmseg.models: see mmteso/ops/stand_in.py
import mmteso  # noqa: F401


def pytest_collection_modifyitems(items):
    """Skip tests marked gpu where there is no CUDA device."""
    if torch.cuda.is_available():
        return
    skip = pytest.mark.skip(reason='needs a CUDA device')
    for item in items:
        if 'gpu' in item.keywords:
            item.add_marker(skip)
