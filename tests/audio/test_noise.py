# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest

from mmteso.audio import NOISE_REFERENCES, white_noise


def rng(seed=0):
    return np.random.default_rng(seed)


# the power of +-0.5 is 0.25; 20 dB below is 0.0025, deviation 0.05
@pytest.mark.parametrize('reference, level, std', [
    ('snr', 0, 0.5), ('snr', 20, 0.05), ('snr', -20, 5.),
    ('pcm16', 0, 1 / 32768), ('pcm16', 40, 100 / 32768),
    ('full_scale', -20, 0.1)])
def test_noise_is_white_gaussian_of_that_deviation(reference, level, std):
    sound = np.tile(np.float32([0.5, -0.5, -0.5, 0.5]), 25000)
    noise = white_noise(sound, level, reference, generator=rng())
    assert noise.dtype == np.float32 and noise.shape == sound.shape
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


def test_references():
    with pytest.raises(ValueError, match="'snr'.*but got 'dbfs'"):
        white_noise(np.ones(3), 10, 'dbfs', generator=rng())
    assert NOISE_REFERENCES == ('snr', 'pcm16', 'full_scale')
    # most of it lies beyond full scale
    loud = white_noise(np.ones(50), 10, 'full_scale', generator=rng())
    assert np.abs(loud).max() == 1
