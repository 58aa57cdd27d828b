# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
import torch
from mmseg.registry import TRANSFORMS

from mmteso.audio import kaldi_fbank


def results_of(waveform, rate=16000):
    return dict(waveform=np.float32(waveform), sample_rate=rate)


@pytest.fixture
def transform():
    return TRANSFORMS.build(dict(type='AudioToFbank'))


def test_fbank(transform):
    wave = np.random.default_rng(0).standard_normal(15600) / 10
    values = transform(results_of(wave))['audio_values']
    assert values.shape == (96, 128) and values.dtype == torch.float32
    assert torch.equal(values, kaldi_fbank(torch.from_numpy(np.float32(wave))))
    assert repr(transform) == 'AudioToFbank()'


def test_needs_a_clip_at_16_khz(transform):
    with pytest.raises(KeyError, match='LoadAudioClip before'):
        transform({})
    with pytest.raises(ValueError, match='at 48000 Hz.*sample_rate=16000'):
        transform(results_of(np.zeros(46800), 48000))
    with pytest.raises(ValueError, match='at least 400 samples'):
        transform(results_of(np.zeros(399)))
