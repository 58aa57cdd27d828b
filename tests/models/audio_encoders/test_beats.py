# Copyright (c) mmteso contributors. All rights reserved.
"""What needs SpeechBrain, and with it torchaudio, is skipped without them."""
import importlib.util
import os
import sys

import numpy as np
import pytest
import tiny_audio
import torch
from mmseg.registry import MODELS
from processes import run_python

from mmteso.datasets.transforms import AudioToFbank
from mmteso.models import BEATs

needs_speechbrain = pytest.mark.skipif(
    importlib.util.find_spec('speechbrain') is None,
    reason='SpeechBrain is not installed')


def build(checkpoint=None, **cfg):
    init_cfg = checkpoint and dict(
        type='Pretrained', checkpoint=str(checkpoint))
    encoder = MODELS.build(dict(type='BEATs',
                                cfg=dict(tiny_audio.BEATS_SMALL, **cfg),
                                init_cfg=init_cfg))
    encoder.init_weights()
    return encoder


def waves():
    time = np.arange(15600) / 16000
    noise = np.random.default_rng(0).standard_normal(15600)
    return torch.from_numpy(np.float32([0.1 * noise,
                                        0.5 * np.sin(2 * np.pi * 440 * time),
                                        0 * time]))


def values_of(waveforms):
    transform = AudioToFbank()
    return torch.stack([transform(dict(waveform=wave.numpy(),
                                       sample_rate=16000))['audio_values']
                        for wave in waveforms])


def test_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, 'speechbrain', None)
    monkeypatch.setitem(sys.modules, 'speechbrain.lobes', None)
    monkeypatch.setitem(sys.modules, 'speechbrain.lobes.models', None)
    with pytest.raises(ImportError, match=r'mmteso\[beats\]'):
        BEATs()
    assert 'SB_DISABLE_QUIRKS' not in os.environ


@needs_speechbrain
def test_equals_speechbrain(tmp_path):
    """From the waveform on, with the weights of one file."""
    from speechbrain.lobes.models.beats import BEATs as Reference
    path = tiny_audio.write_beats(tmp_path / 'beats.pt', finetuned=True)
    encoder = build(path)
    found = encoder(values_of(waves()))
    assert found.shape == (3, encoder.embed_dims) == (3, 32)
    with torch.no_grad():
        tokens = Reference(path)(waves(), torch.ones(3))[0]
    assert tokens.shape == (3, 6 * 8, 32)
    torch.testing.assert_close(found, tokens.mean(1), atol=2e-4, rtol=1e-3)
    assert (found[0] - found[1]).abs().max() > 1e-2
    assert torch.isfinite(found).all()


@needs_speechbrain
def test_leaves_the_switches_of_pytorch():
    """Importing SpeechBrain itself turns TF32 on, for all of the process."""
    code = ('import os, mmteso; from torch.backends import cuda; '
            'mmteso.models.BEATs(); '
            'print(cuda.matmul.allow_tf32, "SB_DISABLE_QUIRKS" in os.environ)')
    assert run_python(code).stdout.split()[-2:] == ['False', 'False']


@needs_speechbrain
def test_other_files(tmp_path):
    path = tmp_path / 'beats.pt'
    with pytest.raises(FileNotFoundError, match='BEATs_iter3_plus.*init_cfg'):
        build(path)
    torch.save(dict(state_dict={}), path)
    with pytest.raises(ValueError, match='no checkpoint of BEATs'):
        build(path)
    with pytest.raises(ValueError, match="'max_distance': 640"):
        build(tiny_audio.write_beats(path, max_distance=640))
    content = torch.load(tiny_audio.write_beats(path))
    del content['model']['encoder.layers.1.fc1.bias']
    torch.save(content, path)
    with pytest.raises(RuntimeError, match=r'layers\.1\.fc1\.bias'):
        build(path)
