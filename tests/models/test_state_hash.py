# Copyright (c) mmteso contributors. All rights reserved.
import copy

import torch
from torch import nn

from mmteso.models.state_hash import state_sha256


def module():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))


def test_same_weights():
    first = module()
    assert state_sha256(first) == state_sha256(copy.deepcopy(first))
    assert len(state_sha256(first)) == 64
    first.requires_grad_(False).eval()
    assert state_sha256(first) == state_sha256(module())


def test_other_memory_layout():
    first = module()
    first[0].weight.data = first[0].weight.data.contiguous(
        memory_format=torch.channels_last)
    assert state_sha256(first) == state_sha256(module())


def test_anything_else_differs():
    hashes = {state_sha256(module()), state_sha256(module().bfloat16())}
    weight = module()
    weight[0].weight.data[0, 0, 0, 0] += 1e-6
    buffer = module()
    buffer[1].running_mean[1] = 1
    name = nn.ModuleDict(dict(zip('ab', module())))
    flat = nn.ParameterList([torch.zeros(6)])
    square = nn.ParameterList([torch.zeros(2, 3)])
    hashes |= {state_sha256(m) for m in (weight, buffer, name, flat, square)}
    assert len(hashes) == 7


def test_no_weights():
    assert state_sha256(nn.ReLU()) == ''
