# Copyright (c) mmteso contributors. All rights reserved.
import pytest

from mmteso.io.hf_config import differing_fields

transformers = pytest.importorskip(
    'transformers', reason="needs pip install 'mmteso[text]'")


def test_differing_fields():
    one = transformers.ConvNextConfig(depths=[1, 2, 3, 4], num_labels=3)
    other = transformers.ConvNextConfig(depths=(1, 2, 3, 4))
    assert differing_fields(one, other) == {}
    other = transformers.ConvNextConfig(
        depths=[1, 2, 3, 5], drop_path_rate=0.5)
    assert differing_fields(one, other) == dict(
        depths=([1, 2, 3, 4], [1, 2, 3, 5]), drop_path_rate=(0.0, 0.5))
    assert 'drop_path_rate' not in differing_fields(one, other,
                                                    ['drop_path_rate'])
