# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from mmengine.runner import Runner
from narrow import load, narrow_config


@pytest.mark.parametrize('scale', [False, True])
def test_what_a_run_says(scale, v1m, tmp_path):
    """Each rate after scaling, with its parts and their size."""
    config = narrow_config(load('teso/teso_swin-b_v1m.py'), v1m, tmp_path)
    config.auto_scale_lr.enable = scale  # 2 frames of 10
    said = []
    runner = Runner.from_cfg(config)
    runner.logger.info = said.append
    runner.train()
    text, = (text for text in said if 'frozen: ' in str(text))
    lines = text.splitlines()
    assert len(lines) == 4
    rate = 1e-3 / 5 if scale else 1e-3
    slow, fast, schedule, frozen = sorted(
        lines, key=lambda line: ('frozen' in line, 'schedule' in line,
                                 ' backbone ' not in line))
    # a warm-up from a hundredth
    assert slow.startswith(
        f'trains at lr {rate / 10:g}, now {rate / 1000:g}: backbone adapters')
    assert fast.startswith(f'trains at lr {rate:g}, now {rate / 100:g}: ')
    pmqs = sum(p.numel() for p in runner.model.decode_head.pmqs.parameters())
    assert f'decode_head.pmqs {pmqs / 1e6:.3g} M' in fast
    assert 'decode_head.transformer_decoder adapters' in fast
    assert 'prompt_encoder.audio_mlp' in fast
    assert schedule == ('schedule: LinearLR in iterations 0 to 200, '
                        'PolyLR in iterations 0 to 60')
    backbone = sum(p.numel() for p in runner.model.backbone.parameters()
                   if not p.requires_grad)
    assert f'backbone {backbone / 1e6:.3g} M' in frozen
    assert 'decode_head.mask_embed' in frozen
    assert 'pmqs' not in frozen and 'adapters' not in frozen
