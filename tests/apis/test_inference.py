# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from narrow import load, narrow_model

from mmteso.apis import init_model


def test_model_from_a_config(tmp_path):
    cfg = load('teso/teso_r18_synthavs.py')
    narrow_model(cfg.model)
    with DefaultScope.overwrite_default_scope('mmseg'):
        expected = MODELS.build(cfg.model)
    path = str(tmp_path / 'model.pth')
    torch.save(dict(state_dict=expected.state_dict()), path)
    cfg.dump(tmp_path / 'config.py')
    for config in (cfg, str(tmp_path / 'config.py')):
        model = init_model(config, path, device='cpu')
        assert not model.training
        for key, value in expected.state_dict().items():
            assert torch.equal(model.state_dict()[key], value)
    options = {'model.prompt_encoder.num_layers': 2}
    with pytest.raises(
            RuntimeError,
            match=r'model\.pth does not fit [\s\S]*missing .*prompt_encoder'):
        init_model(cfg, path, cfg_options=options)
    assert cfg.model.prompt_encoder.get('num_layers') != 2
    assert init_model(cfg, cfg_options=options).cfg.model.prompt_encoder[
        'num_layers'] == 2
