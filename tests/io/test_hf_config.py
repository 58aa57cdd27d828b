# Copyright (c) mmteso contributors. All rights reserved.
import pytest

from mmteso.io.hf_config import differing_fields, make_hf_config

transformers = pytest.importorskip(
    'transformers', reason="needs pip install 'mmteso[text]'")


def test_make_hf_config():
    config = make_hf_config(transformers.ConvNextConfig, dict(depths=[1, 2]))
    assert config.depths == [1, 2]
    assert config.hidden_act == 'gelu'
    with pytest.raises(
            ValueError, match=r"ConvNextConfig has no fields \['depth'\]; it "
            r"has \['depths'"):
        make_hf_config(transformers.ConvNextConfig, dict(depth=[1, 2]))


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
