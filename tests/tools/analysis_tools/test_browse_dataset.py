# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
from both_kinds import run_tool
from narrow import load, narrow_config
from PIL import Image

from data import make_avsbench

TOOL = 'analysis_tools/browse_dataset.py'


@pytest.fixture
def cfg(tmp_path):
    root = make_avsbench(tmp_path / 'data', subsets=('v1m', ))
    return narrow_config(
        load('teso/teso_r50_v1m.py'), root, tmp_path / 'work', frames=5)


def test_pictures(cfg, tmp_path, capsys):
    """After the resize; with what the model gets of sound and text."""
    cfg.train_dataloader.dataset = dict(
        type='RepeatDataset', times=2, dataset=cfg.train_dataloader.dataset)
    cfg.train_dataloader.dataset.dataset.pipeline[3].prob = 0.
    run_tool(TOOL, cfg, '--output-dir', tmp_path / 'look', '--number', 6)
    lines = [line for line in capsys.readouterr().out.splitlines()
             if 'sounds' in line]
    names = [line.split(':')[0] for line in lines]
    assert names == [f'{i}_v1m_v1m-train-0_0_5000_{i % 5}.png'
                     for i in range(6)]
    assert sorted(path.name for path in (tmp_path / 'look').iterdir()) == names
    # of two classes one is silent in odd frames
    heard = [line.split('sounds [')[1].split(']')[0] for line in lines]
    assert heard[0] == heard[2] and len(heard[1]) < len(heard[0])
    assert 'log_mel 1 x 96 x 64, text_feat 4 x 24' in lines[0]
    assert np.asarray(Image.open(tmp_path / 'look' / names[0])).shape == (
        64, 64, 3)


def test_no_such_split(cfg, tmp_path, capsys):
    cfg.val_dataloader = None
    with pytest.raises(SystemExit):
        run_tool(TOOL, cfg, '--output-dir', tmp_path, '--split', 'val')
    assert 'no val_dataloader' in capsys.readouterr().err
