# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from tiny_imagebind import random_checkpoint


@pytest.fixture(scope='session')
def checkpoint():
    """Small random weights under the names of imagebind_huge.pth."""
    return random_checkpoint()


@pytest.fixture(scope='session')
def weights_file(checkpoint, tmp_path_factory):
    """The same as a file."""
    path = tmp_path_factory.mktemp('imagebind') / 'imagebind_small.pth'
    torch.save(checkpoint, path)
    return str(path)
