# Copyright (c) mmteso contributors. All rights reserved.
import math

import torch
from mmseg.registry import MODELS

from mmteso.audio import log_mel_examples
from mmteso.models.audio_encoders import LogMelStats


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


def test_by_hand():
    log_mel = torch.full((1, 1, 96, 64), math.log(0.01))
    log_mel[:, :, ::2, 5] += 4.
    expected = torch.zeros(1, 128)
    expected[0, 5] = expected[0, 64 + 5] = 2.
    torch.testing.assert_close(
        LogMelStats()(log_mel), expected, rtol=0, atol=1e-5)


def test_muted_clip_is_zero():
    log_mel = log_mel_examples(torch.zeros(15600))
    assert log_mel.shape == (1, 1, 96, 64)
    features = LogMelStats()(log_mel)
    torch.testing.assert_close(
        features, torch.zeros(1, 128), rtol=0, atol=1e-5)


def test_has_nothing_to_train_or_to_store():
    encoder = LogMelStats()
    assert not list(encoder.parameters()) and not encoder.state_dict()
