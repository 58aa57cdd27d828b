# Copyright (c) mmteso contributors. All rights reserved.
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmseg.registry import HOOKS

from mmteso.engine import StartCheckpointHook


def before_run(load_from):
    hook = HOOKS.build(
        dict(type='StartCheckpointHook', hint='Train the other one.'))
    assert isinstance(hook, StartCheckpointHook)
    hook.before_run(SimpleNamespace(cfg=Config(dict(load_from=load_from))))


def test_missing_file(tmp_path):
    path = tmp_path / 'epoch_60.pth'
    with pytest.raises(
            FileNotFoundError,
            match=r"load_from='.*epoch_60.pth'. Train the other one\.$"):
        before_run(str(path))
    with pytest.raises(FileNotFoundError):
        before_run(str(tmp_path))
    path.touch()
    before_run(str(path))


@pytest.mark.parametrize('load_from', [None, 'https://example.com/a.pth'])
def test_left_to_the_runner(load_from):
    before_run(load_from)
