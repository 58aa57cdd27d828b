# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from mmengine.config import Config

from mmteso.engine import resume_from_work_dir


@pytest.mark.parametrize('load_from', [None, 'pretrained.pth'])
@pytest.mark.parametrize('trained', [False, True])
def test_start_is_not_taken_for_the_latest(load_from, trained, tmp_path):
    cfg = Config(
        dict(work_dir=str(tmp_path), resume=True, load_from=load_from))
    if trained:
        (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'a.pth'))
    resume_from_work_dir(cfg)
    assert cfg.resume == trained
    assert cfg.load_from == (None if trained else load_from)
