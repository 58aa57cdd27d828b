# Copyright (c) mmteso contributors. All rights reserved.
"""What docs/combinations.md says."""
import re
from unittest import mock

import torch
from combinations import BACKBONES, HEADS, PAIRS, matrix_table, why_not
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from mmsegs_models import NAMES, NEED_COMPILED_OPS, NEED_MMPRETRAIN, OTHERS
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
    with mock.patch('mmteso.models.necks.fusion_levels.print_log') as log:
        losses = MODELS.build(model).loss(**make_batch())
    log.assert_not_called()
    assert torch.isfinite(losses['decode.loss_ce'])


def test_the_control_that_it_shows(tmp_path):
    code, = re.findall(r'```python\n(model = dict.*?)```', TEXT, re.S)
    base = CONFIGS / 'combinations' / 'fusion-segformer_mit-b2_v1m.py'
    path = tmp_path / 'control.py'
    path.write_text(f'_base_ = [{str(base)!r}]\n{code}')
    model = Config.fromfile(path).model
    model.backbone.pop('init_cfg')
    init_default_scope('mmseg')
    model = MODELS.build(model)
    assert not model.hears
    assert {name for name, _ in model.named_children()} == {
        'data_preprocessor', 'backbone', 'decode_head'
    }


def test_what_of_mmsegs_bases_was_tried():
    for name in (*NEED_MMPRETRAIN, *NEED_COMPILED_OPS, 'upernet_mae'):
        assert f'`{name}`' in TEXT
    left_out = (*OTHERS, *NEED_MMPRETRAIN, *NEED_COMPILED_OPS)
    assert f'{len([n for n in NAMES if n not in left_out])} of' in TEXT


def test_all_configs_are_listed():
    listed = set()
    for name in re.findall(r'`([\w,{}-]+)\.py`', TEXT):
        found = re.fullmatch(r'(.*)\{(.*)\}(.*)', name)
        head, options, tail = found.groups() if found else (name, '', '')
        listed |= {head + one + tail for one in options.split(',')}
    there = {path.stem for path in (CONFIGS / 'combinations').glob('*.py')}
    assert {name for name in there if name.startswith('fusion')} <= listed
    assert {name for name in listed if name.startswith('fusion-')} <= there
