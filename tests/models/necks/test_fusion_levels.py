# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from torch import nn

from mmteso.models.necks.fusion_levels import levels_read


def head(index):
    module = nn.Module()
    module.in_index = index
    return module


@pytest.mark.parametrize('index, levels', [
    (0, {0}),
    (-1, {3}),
    ([0, 1, 2, 3], {0, 1, 2, 3}),
    ((1, -1), {1, 3}),
])
def test_a_head_says_what_it_reads(index, levels):
    assert levels_read(head(index), 4) == levels


def test_knet_reads_for_its_first_kernels():
    knet = nn.Module()
    knet.kernel_generate_head = head(2)
    assert levels_read(knet, 4) == {2}


def test_the_maskformers_read_all():
    assert levels_read(nn.Module(), 4) is None
