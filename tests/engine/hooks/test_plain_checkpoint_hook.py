# Copyright (c) mmteso contributors. All rights reserved.
from collections import Counter, OrderedDict

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from toy_runner import toy_config, train

from mmteso.engine.hooks.plain_checkpoint_hook import to_plain


def assert_plain(value):
    assert isinstance(value, torch.Tensor) or type(value) in (
        bool, int, float, str, type(None), dict, list, tuple, set,
        OrderedDict), type(value)
    if isinstance(value, dict):
        for key, item in value.items():
            assert_plain(key)
            assert_plain(item)
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            assert_plain(item)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp('plain')
    return train(toy_config(folder), 'plain'), folder


def test_checkpoint_is_read_with_weights_only(trained):
    runner, folder = trained
    names = sorted(path.name for path in folder.glob('*.pth'))
    assert 'iter_7.pth' in names and any('best' in name for name in names)
    for name in names:
        checkpoint = torch.load(folder / name, weights_only=True)
        assert_plain(checkpoint)
        assert checkpoint['state_dict'].keys() == {
            'layer.weight', 'layer.bias'}
        assert checkpoint['meta']['dataset_meta']['classes'] == ('background',
                                                                 'object')


def test_logged_history_survives_resuming(trained):
    runner, folder = trained
    before = runner.message_hub.get_scalar('train/loss').data
    resumed = train(
        toy_config(folder, train_cfg=dict(type='IterBasedTrainLoop',
                                          max_iters=8, val_interval=30)),
        'plain-resumed', resume=True)
    after = resumed.message_hub.get_scalar('train/loss')
    assert isinstance(after, HistoryBuffer)
    # the checkpoint at 7 was written before the logger's own last update
    assert len(after.data[0]) == 8
    np.testing.assert_array_equal(after.data[0][:7], before[0])
    np.testing.assert_array_equal(after.data[1][:7], before[1])


def test_conversions():
    dropped = []
    tensor = torch.ones(2)
    state = OrderedDict(tensor=tensor, array=np.arange(3, dtype=np.int16),
                        scalar=np.float32(0.5), flag=np.bool_(True),
                        config=ConfigDict(a=dict(b=1)), count=Counter([1, 1]),
                        pair=(1, np.int64(2)), names={'x'},
                        bad=dict(good=1, function=len),
                        words=np.array(['a', 'b'], dtype=object))
    state.update(layer=torch.nn.BatchNorm1d(2).state_dict())
    plain = to_plain(state, dropped)
    assert plain['layer']._metadata == state['layer']._metadata
    assert_plain(plain['layer']._metadata)
    assert_plain(plain)
    assert plain['tensor'] is tensor
    assert plain['array'].tolist() == [0, 1, 2]
    assert plain['array'].dtype == torch.int16
    assert plain['scalar'] == 0.5 and plain['flag'] is True
    assert plain['config'] == dict(a=dict(b=1))
    assert plain['count'] == {1: 2} and plain['pair'] == (1, 2)
    assert plain['names'] == {'x'}
    assert plain['bad'] == dict(good=1)
    assert dropped == ['bad.function (builtin_function_or_method)',
                       'words (ndarray)']
