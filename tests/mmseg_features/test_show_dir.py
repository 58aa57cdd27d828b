# Copyright (c) mmteso contributors. All rights reserved.
"""``tools/test.py --show-dir``, with other options."""
import numpy as np
import pytest
from both_kinds import random_checkpoint, run_tool, whole_config
from PIL import Image

SLIDE = ('--cfg-options', 'model.test_cfg.mode=slide',
         'model.test_cfg.crop_size=(32,24)', 'model.test_cfg.stride=(32,8)')


@pytest.mark.parametrize('kind, options, conditions', [
    ('teso', [], ['']),
    ('fusion', ['--tta'], ['']),
    ('fusion', ['--audio', 'mute'], ['_mute']),
    ('teso', ['--tta', '--audio', 'normal', 'mute', *SLIDE], ['', '_mute']),
    ('fusion', ['--audio', 'mute', 'wgn-2.5db'], ['_mute', '_wgn-2.5db']),
])
def test_pictures(kind, options, conditions, synthavs, tmp_path):
    """Truth and prediction side by side, a picture for each sound."""
    cfg = whole_config(kind, synthavs, tmp_path / 'work')
    run_tool('test.py', cfg, random_checkpoint(cfg), *options, '--show-dir',
             tmp_path / 'show')
    images = {
        path.name: np.asarray(Image.open(path))
        for path in (tmp_path / 'show' / 'vis_data' / 'vis_image').iterdir()}
    clip = 'test_v2_synthavs-test-00000_0_2000'
    assert set(images) == {f'{clip}_{frame}{condition}_0.png'
                           for frame in (0, 1) for condition in conditions}
    for image in images.values():
        assert image.shape == (32, 64, 3)
