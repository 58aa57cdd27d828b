# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from torch import nn

from mmteso.models.adapters import AdaptedLinear
from mmteso.models.load_part import load_part


def test_load_part():
    part = nn.Linear(2, 2)
    state = {key: torch.ones_like(v) for key, v in part.state_dict().items()}
    load_part(part, state, 'the/folder')
    assert (part.weight == 1).all()
    with pytest.raises(RuntimeError, match=r'"the/folder".*unknown .*scale'):
        load_part(part, dict(state, scale=torch.ones(2)), 'the/folder')
    with pytest.raises(RuntimeError, match=r"missing \['bias'\]"):
        load_part(part, dict(weight=torch.ones(2, 2)), 'the/folder')
    with pytest.raises(RuntimeError, match=r'(?s)"the/folder".*size mismatch'):
        load_part(part, dict(state, weight=torch.ones(3, 2)), 'the/folder')


def test_only_adapters_may_be_missing():
    state = nn.Sequential(nn.Linear(4, 4)).state_dict()
    part = nn.Sequential(AdaptedLinear(nn.Linear(4, 4), 4))
    load_part(part, state, 'the/folder')
    assert torch.equal(part[0].weight, state['0.weight'])
