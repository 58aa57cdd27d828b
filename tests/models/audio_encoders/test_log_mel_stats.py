# Copyright (c) mmteso contributors. All rights reserved.
import math

import torch
from mmseg.registry import MODELS

from mmteso.audio import log_mel_examples
from mmteso.models.audio_encoders import LogMelStats
from mmteso.models.weights import state_sha256


def test_equals_reference():
    encoder = MODELS.build(dict(type='LogMelStats'))
    torch.manual_seed(0)
    log_mel = torch.randn(2, 1, 96, 64, dtype=torch.float64)
    actual = encoder(log_mel)
    assert actual.shape == (2, encoder.embed_dims) == (2, 128)
    for b in range(2):
        for band in (0, 17, 63):
            values = log_mel[b, 0, :, band].tolist()
            mean = sum(values) / 96
            std = math.sqrt(sum((v - mean)**2 for v in values) / 96)
            assert math.isclose(actual[b, band], mean - math.log(0.01))
            assert math.isclose(actual[b, 64 + band], std)


def test_muted_clip_is_zero():
    log_mel = log_mel_examples(torch.zeros(15600))
    assert log_mel.shape == (1, 1, 96, 64)
    features = LogMelStats()(log_mel)
    torch.testing.assert_close(
        features, torch.zeros(1, 128), rtol=0, atol=1e-5)


def test_features_are_brought_to_a_common_scale():
    log_mel = torch.randn(3, 1, 96, 64)
    plain = LogMelStats()(log_mel)
    scaled = LogMelStats(mean=(4.5, 0.3), std=(2., 0.1))(log_mel)
    torch.testing.assert_close(scaled[:, :64], (plain[:, :64] - 4.5) / 2)
    torch.testing.assert_close(scaled[:, 64:], (plain[:, 64:] - 0.3) / 0.1)


def test_the_scale_is_known_to_cached_features():
    states = [state_sha256(LogMelStats(**kwargs))
              for kwargs in ({}, dict(mean=(0., 0.)), dict(mean=(1., 0.)),
                             dict(std=(2., 1.)))]
    assert states[0] == states[1]
    assert len(set(states)) == 3
