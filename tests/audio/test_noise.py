# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmteso.audio.noise import NOISE_REFERENCES, noise_std, white_noise


def rng(seed=0):
    return np.random.default_rng(seed)


def test_levels_by_hand():
    # power of +-0.5 is 0.25; 20 dB below is 0.0025, deviation 0.05
    square = np.tile([0.5, -0.5], 100)
    assert noise_std(20, 'snr', square) == pytest.approx(0.05)
    assert noise_std(0, 'snr', square) == pytest.approx(0.5)
    assert noise_std(0, 'pcm16') == 1 / 32768
    assert noise_std(40, 'pcm16') == pytest.approx(100 / 32768)
    assert noise_std(-20, 'full_scale') == pytest.approx(0.1)
    assert noise_std(10, 'full_scale') == pytest.approx(3.1622777)


@settings(deadline=None)
@given(st.floats(-60, 60), st.floats(1e-4, 1))
def test_snr_is_what_it_says(level, amplitude):
    sound = amplitude * np.sin(np.arange(1000))
    power = np.mean(sound**2)
    snr = 10 * np.log10(power / noise_std(level, 'snr', sound)**2)
    assert snr == pytest.approx(level, abs=1e-6)


@pytest.mark.parametrize('reference, level', [('snr', 10), ('snr', 40),
                                              ('pcm16', 10), ('pcm16', 40),
                                              ('full_scale', -20)])
def test_noise_is_white_gaussian_of_that_deviation(reference, level):
    sound = (0.3 * np.sin(np.arange(100000) / 7)).astype(np.float32)
    noise = white_noise(sound, level, reference, generator=rng())
    assert noise.dtype == np.float32 and noise.shape == sound.shape
    std = noise_std(level, reference, sound)
    assert noise.std() == pytest.approx(std, rel=0.01)
    assert abs(noise.mean()) < 0.02 * std
    scaled = noise / std
    assert np.mean(scaled**4) == pytest.approx(3, rel=0.03)  # Gaussian
    assert abs(np.mean(scaled[1:] * scaled[:-1])) < 0.015  # white
    assert abs(np.corrcoef(noise, sound)[0, 1]) < 0.015  # noise alone


def test_the_generator_decides():
    sound = np.ones(50)
    first = white_noise(sound, 10, generator=rng(1))
    np.testing.assert_array_equal(first,
                                  white_noise(sound, 10, generator=rng(1)))
    assert (first != white_noise(sound, 10, generator=rng(2))).all()
    # another level is the same noise, scaled
    np.testing.assert_allclose(
        white_noise(sound, 30, generator=rng(1)), first / 10)


def test_errors():
    with pytest.raises(ValueError, match="needs the waveform"):
        noise_std(10, 'snr')
    with pytest.raises(ValueError, match="'snr'.*but got 'dbfs'"):
        noise_std(10, 'dbfs')
    assert NOISE_REFERENCES == ('snr', 'pcm16', 'full_scale')
