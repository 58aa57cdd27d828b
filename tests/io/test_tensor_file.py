# Copyright (c) mmteso contributors. All rights reserved.
import os

import torch
from safetensors import safe_open

from mmteso.io.tensor_file import write_tensor_file


def test_written_whole_and_readable_as_any_other_file(tmp_path):
    path = str(tmp_path / 'tensors.safetensors')
    for value in (1., 2.):  # the second replaces the first
        write_tensor_file(path, dict(a=torch.full((2, ), value)),
                          dict(format='x'))
    with safe_open(path, 'pt') as file:
        assert file.get_tensor('a').tolist() == [2, 2]
        assert file.metadata() == dict(format='x')
    assert os.listdir(tmp_path) == ['tensors.safetensors']
    (tmp_path / 'other').touch()
    assert os.stat(path).st_mode == os.stat(tmp_path / 'other').st_mode
