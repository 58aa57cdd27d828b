# Copyright (c) mmteso contributors. All rights reserved.
import hashlib

import pytest

from mmteso.io import file_sha256, hashing


@pytest.mark.parametrize('size', [0, 3, 4096])
def test_file_sha256(size, tmp_path, monkeypatch):
    path = tmp_path / 'file'
    path.write_bytes(bytes(index % 251 for index in range(size)))
    monkeypatch.setattr(hashing, '_CHUNK', 1000)  # several pieces
    assert file_sha256(str(path)) == hashlib.sha256(
        path.read_bytes()).hexdigest()
