# Copyright (c) mmteso contributors. All rights reserved.
"""What docs/combinations.md says."""
import re

import torch
from combinations import BACKBONES, HEADS, PAIRS, matrix_table, why_not
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from narrow import CONFIGS, make_batch
from records import ROOT

TEXT = (ROOT / 'docs' / 'combinations.md').read_text(encoding='utf-8')


def test_the_matrix():
    assert matrix_table() in TEXT, matrix_table()


def test_each_pair_that_is_left_out_has_its_reason():
    flat = re.sub(r'\s+', ' ', TEXT)
    reasons = {
        why_not(head, backbone)
        for head in HEADS.values() for backbone in BACKBONES.values()
    } - {None}
    assert reasons
    for reason in reasons:
        assert reason in flat


def test_the_promised_pairs():
    """Every head on at least three backbones; all backbones have a head."""
    for head in HEADS:
        assert sum(pair[0] == head for pair in PAIRS) >= 3
    assert {pair[1] for pair in PAIRS} == set(BACKBONES)
    assert f'{len(PAIRS)} pairs' in TEXT


def test_the_config_that_it_shows(tmp_path):
    code, = re.findall(r'```python\n(_base_.*?)```', TEXT, re.S)
    code = code.replace("'../_base_", f"'{CONFIGS}/_base_")
    path = tmp_path / 'mine.py'
    path.write_text(code)
    model = Config.fromfile(path).model
    # no files, and VGGish's 72 million weights aren't needed here
    model.backbone.pop('init_cfg')
    model.audio_encoder = dict(type='LogMelStats')
    model.prompt_encoder.text_dims = 24
    init_default_scope('mmseg')
    losses = MODELS.build(model).loss(**make_batch())
    assert torch.isfinite(losses['decode.loss_ce'])
