# Copyright (c) mmteso contributors. All rights reserved.
"""``--cfg-options`` of nested fields of sound and text, through the tools."""
import pytest
from both_kinds import KINDS, read_checkpoint, run_tool, whole_config
from mmengine.config import Config

from mmteso.engine import set_data_root
from mmteso.models import AudioTextSegmentor
from mmteso.models.prompting import DynamicMask


@pytest.fixture
def built(monkeypatch):
    """Models that tools have built."""
    found = []
    init = AudioTextSegmentor.__init__

    def keep(self, *args, **kwargs):
        init(self, *args, **kwargs)
        found.append(self)

    monkeypatch.setattr(AudioTextSegmentor, '__init__', keep)
    return found


@pytest.mark.parametrize('kind', KINDS)
def test_train(kind, synthavs, tmp_path, built):
    """Also hooks and what a list holds, which need no config of their own."""
    cfg = whole_config(kind, synthavs, tmp_path)
    set_data_root(cfg, 'nowhere')
    run_tool('train.py', cfg, '--data-root', synthavs, '--cfg-options',
             'model.prompt_encoder.dynamic_mask.type=DynamicMask',
             'model.prompt_encoder.dynamic_mask.mode=off',
             'model.prompt_encoder.num_latents=3',
             'model.frozen=[audio_encoder,prompt_encoder]',
             'train_dataloader.dataset.pipeline.5.num_cues=2',
             'param_scheduler.0.end=7', 'default_hooks.ema.type=EMAHook',
             'default_hooks.ema.momentum=0.5')
    model, = built
    mask, = [m for m in model.modules() if isinstance(m, DynamicMask)]
    assert mask.mode == 'off'
    assert not any(p.requires_grad for p in model.prompt_encoder.parameters())
    saved = read_checkpoint(tmp_path / 'iter_1.pth')
    assert 'ema_state_dict' in saved
    written = Config.fromfile(next(tmp_path.glob('*/vis_data/config.py')))
    assert written.param_scheduler[0].end == 7
    assert written.train_dataloader.dataset.pipeline[5].num_cues == 2
    assert written.model.prompt_encoder.num_latents == 3


@pytest.mark.parametrize('option, word',
                         [('model.audio_encoder.freez=False', 'freez'),
                          ('model.fuson.levels=[0]', 'fuson')])
def test_misspelt_fields_are_errors(option, word, synthavs, tmp_path):
    """Of the constructors, which name them."""
    cfg = whole_config('fusion', synthavs, tmp_path)
    with pytest.raises(TypeError, match=f"'{word}'"):
        run_tool('train.py', cfg, '--cfg-options', option)
