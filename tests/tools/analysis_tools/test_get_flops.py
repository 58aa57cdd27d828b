# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from both_kinds import run_tool, whole_config

TOOL = 'analysis_tools/get_flops.py'


def test_table(tmp_path, capsys):
    """Of three inputs; options of the config count."""
    cfg = whole_config('fusion', 'data', tmp_path)
    run_tool(TOOL, cfg, '--shape', 64, 96, '--cfg-options',
             'model.prompt_encoder.embed_dims=48',
             'model.fusion.prompt_dims=48',
             'test_dataloader.dataset.pipeline.4.num_cues=3')
    text = capsys.readouterr().out
    assert 'img 1 x 3 x 64 x 96' in text
    assert 'log_mel 1 x 1 x 96 x 64' in text
    assert 'text_feat 1 x 3 x 24' in text
    names = [line.split()[1] for line in text.splitlines()
             if line.startswith('| ')]
    assert names == [
        'part', 'backbone', 'audio_encoder', 'prompt_encoder', 'fusion',
        'decode_head', 'total'
    ]


def test_no_shape(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run_tool(TOOL, whole_config('fusion', 'data', tmp_path))
    assert '(--shape)' in capsys.readouterr().err
