# Copyright (c) mmteso contributors. All rights reserved.
import copy

import pytest
import torch
from both_kinds import fusion_model, run_tool, whole_config
from mmengine.analysis import get_model_complexity_info
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from narrow import (PROMPT_DIMS, TEXT_DIMS, fcn_config, load, make_batch,
                    narrow_model)
from torch.utils.flop_counter import FlopCounterMode

from mmteso.analysis.complexity import analyze_flops

SIZE = (64, 96)
# what torch's own counter knows, two operations for a multiply-add
PRODUCTS = ('conv', 'linear', 'matmul', 'bmm', 'addmm', 'einsum', 'baddbmm',
            'attention')


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


def config(kind='teso'):
    return whole_config(kind, 'data', 'work')


@pytest.mark.parametrize('kind', ['EncoderDecoder', 'AudioTextSegmentor'])
def test_image_alone_counts_as_in_mmseg(kind):
    """By the call of its script, which fails itself in mmseg 1.2.2."""
    cfg = Config(
        dict(model=dict(fcn_config(), type='EncoderDecoder',
                        data_preprocessor=dict(type='SegDataPreProcessor')),
             test_dataloader=dict(dataset=dict(pipeline=[]))))
    stock = MODELS.build(copy.deepcopy(cfg.model)).eval()
    stock.auxiliary_head = None
    expected = get_model_complexity_info(stock,
                                         inputs=(torch.rand(1, 3, *SIZE), ),
                                         show_table=False, show_arch=False)
    cfg.model.type = kind
    if kind == 'AudioTextSegmentor':
        cfg.model.data_preprocessor.type = 'AVTDataPreProcessor'
    found, _, shapes = analyze_flops(cfg, SIZE)
    assert found.total() == expected['flops'] > 1e6
    assert shapes == dict(img=(1, 3, *SIZE))


def test_by_hand():
    """A fusion on 2 x 3 pixels; VGGish's ten layers."""
    cfg = config('fusion')
    cfg.model.audio_encoder = dict(type='VGGish')
    found, _, shapes = analyze_flops(cfg, SIZE)
    assert shapes == dict(img=(1, 3, *SIZE), log_mel=(1, 1, 96, 64),
                          text_feat=(1, 4, TEXT_DIMS), text_valid=(1, 4))
    flops = found.by_module()
    convs = [(96 * 64, 1, 64), (48 * 32, 64, 128), (24 * 16, 128, 256),
             (24 * 16, 256, 256), (12 * 8, 256, 512), (12 * 8, 512, 512)]
    assert flops['model.audio_encoder'] == sum(
        9 * pixels * before * after for pixels, before, after in convs) + (
            6 * 4 * 512 * 4096 + 4096 * 4096 + 4096 * 128)
    pixels, keys, width = 6, 5, 16
    linear = keys * (PROMPT_DIMS + width) * width  # shared projection
    linear += pixels * 64 * width * 2  # down and up
    linear += (pixels + keys + keys + pixels) * width * width  # q, k, v, out
    attention = 2 * pixels * keys * width
    norm = 5 * pixels * 64
    assert flops['model.fusion'] == linear + attention + norm


@pytest.mark.parametrize('name', ['teso', 'fusion', 'swin', 'mask2former'])
def test_products_as_torch_counts_them(name):
    """Another counter, of the operators that run, not of a traced graph."""
    cfg = config('fusion' if name == 'fusion' else 'teso')
    if name == 'swin':
        cfg.model = narrow_model(load('teso/teso_swin-b_v1m.py').model)
    if name == 'mask2former':
        head = cfg.model.decode_head
        head.type = 'Mask2FormerHead'
        head.pop('pmqs')
        cfg.model.fusion = dict(
            fusion_model().fusion, in_channels=head.in_channels)
    found, model, _ = analyze_flops(cfg, (64, 64))
    batch = make_batch(1)
    inputs = batch['inputs']
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False) as counter:
            if name == 'mask2former':  # does not run without the samples
                prompt = model.encode_prompt(inputs)
                model.decode_head(
                    model.fuse(model.extract_feat(inputs['img']), prompt),
                    batch['data_samples'])
            else:
                model(inputs, mode='tensor')
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    by_operator = found.by_operator()
    products = sum(by_operator[name] for name in PRODUCTS)
    # mmengine reads the counts of einsums off NumPy's rounded report
    assert 2 * products == pytest.approx(counter.get_total_flops(), rel=1e-3)
    # every part has its share
    flops = found.by_module()
    parts = [flops[f'model.{name}'] for name, _ in model.named_children()]
    assert sum(parts) == found.total() and flops['model.decode_head'] > 0


def test_command(tmp_path, capsys):
    """Options of the config count; the table is mmengine's."""
    cfg = whole_config('fusion', 'data', tmp_path)
    run_tool('analysis_tools/get_flops.py', cfg, '--shape', 64, 96,
             '--cfg-options', 'model.prompt_encoder.embed_dims=48',
             'model.fusion.prompt_dims=48')
    text = capsys.readouterr().out
    assert 'img 1 x 3 x 64 x 96, log_mel 1 x 1 x 96 x 64' in text
    for part in ('backbone', 'prompt_encoder', 'fusion', 'decode_head'):
        assert f' {part} ' in text
    with pytest.raises(SystemExit):
        run_tool('analysis_tools/get_flops.py', cfg)
    assert '(--shape)' in capsys.readouterr().err
