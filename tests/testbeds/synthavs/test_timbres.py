# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest

from mmteso.testbeds.synthavs.classes import CLASSES
from mmteso.testbeds.synthavs.easy import TIMBRES
from mmteso.testbeds.synthavs.timbres import (NOISE_COLOURS, SAMPLE_RATE,
                                              sample_noise, sample_voice,
                                              second_envelope)


def _power(sound):
    """Power spectrum, and its frequencies in Hz."""
    return (np.abs(np.fft.rfft(sound))**2,
            np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE))


@pytest.mark.parametrize('name', CLASSES[1:])
def test_voice_is_steady_and_of_unit_power(name):
    voice = sample_voice(TIMBRES[name], 3, np.random.default_rng(0))
    assert voice.shape == (3 * SAMPLE_RATE, )
    assert np.mean(voice**2) == pytest.approx(1)
    # It never pauses: each tenth of a second has a fair part of the power.
    tenths = np.mean(voice.reshape(30, -1)**2, axis=1)
    assert tenths.min() > 0.2


@pytest.mark.parametrize('name', CLASSES[1:])
def test_voice_lies_where_its_timbre_says(name):
    timbre = TIMBRES[name]
    centres = [timbre.pitch * ratio for ratio, _ in timbre.partials]
    if timbre.band is not None:
        centres.append(timbre.band[0])
    power, hertz = _power(sample_voice(timbre, 2, np.random.default_rng(3)))
    near = np.zeros(len(hertz), bool)
    for centre in centres:
        near |= np.abs(hertz / centre - 1) < 0.25
    assert power[near].sum() / power.sum() > 0.95
    # All within VGGish's mel bands.
    assert 125 < min(centres) and max(centres) < 7500


def test_voices_of_a_class_vary():
    first, second = (
        sample_voice(TIMBRES['red-disc'], 1, np.random.default_rng(seed))
        for seed in (0, 1))
    assert np.abs(np.corrcoef(first, second)[0, 1]) < 0.9


def test_noise_colours():
    tilt = {}
    for colour in NOISE_COLOURS:
        noise = sample_noise(colour, SAMPLE_RATE, np.random.default_rng(0))
        assert noise.shape == (SAMPLE_RATE, )
        assert np.mean(noise**2) == pytest.approx(1)
        power, hertz = _power(noise)
        # Two octaves apart, equal widths in hertz.
        low = power[(hertz > 450) & (hertz < 550)].mean()
        high = power[(hertz > 1950) & (hertz < 2050)].mean()
        tilt[colour] = 10 * np.log10(low / high)
    assert tilt['white'] == pytest.approx(0, abs=2)
    assert tilt['pink'] == pytest.approx(6, abs=2)
    assert tilt['brown'] == pytest.approx(12, abs=2)


def test_envelope_fades_inside_the_second():
    envelope = second_envelope()
    assert envelope.shape == (SAMPLE_RATE, )
    assert envelope[0] < 0.01 and envelope[-1] < 0.01
    np.testing.assert_allclose(envelope, envelope[::-1])
    assert (envelope == 1).mean() > 0.98
