# Copyright (c) mmteso contributors. All rights reserved.
import sys

import pytest

from mmteso.optional import require


def test_require(monkeypatch):
    assert require('json.decoder', 'text') is sys.modules['json.decoder']
    monkeypatch.setitem(sys.modules, 'soundfile', None)
    with pytest.raises(ImportError) as error:
        require('soundfile', 'audio')
    assert 'package soundfile is needed' in str(error.value)
    assert "pip install 'mmteso[audio]'" in str(error.value)
