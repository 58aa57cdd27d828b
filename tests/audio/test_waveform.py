# Copyright (c) mmteso contributors. All rights reserved.

import numpy as np
import pytest
import soundfile

from mmteso.audio import waveform as module
from mmteso.audio.waveform import cut_clip, load_waveform, read_waveform

RATE = 16000


def sine(seconds, rate=RATE, hertz=440., amplitude=0.5):
    return amplitude * np.sin(
        2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


@pytest.mark.parametrize('suffix', ['wav', 'flac'])
def test_lossless_formats_give_integers_over_full_scale(tmp_path, suffix):
    integers = np.array([0, 1, -1, 32767, -32768, 1234], dtype=np.int16)
    path = str(tmp_path / f'a.{suffix}')
    soundfile.write(path, integers, RATE)
    waveform = read_waveform(path)
    assert waveform.dtype == np.float32
    np.testing.assert_array_equal(waveform, integers / 32768)


def test_what_lies_beyond_8_khz_does_not_fold_back(tmp_path):
    path = str(tmp_path / 'a.wav')
    sound = sine(1, 48000) + sine(1, 48000, 12000., 0.1)
    soundfile.write(path, sound, 48000, subtype='FLOAT')
    waveform = read_waveform(path)
    assert len(waveform) == RATE
    # the filter rings where the sine is cut off, at both ends
    np.testing.assert_allclose(
        waveform[500:-500], sine(1)[500:-500], atol=2e-4)


def test_cache_reads_a_file_once_and_notices_changes(tmp_path, monkeypatch):
    path = str(tmp_path / 'a.wav')
    soundfile.write(path, sine(1), RATE)
    calls = []
    monkeypatch.setattr(
        module, 'read_waveform',
        lambda *args: calls.append(args) or read_waveform(*args))
    first = load_waveform(path)
    assert load_waveform(path) is first and len(calls) == 1
    assert not first.flags.writeable
    assert len(load_waveform(path, sample_rate=8000)) == 8000
    soundfile.write(path, sine(2), RATE)
    assert len(load_waveform(path)) == 2 * RATE
    assert len(calls) == 3


def test_cut_clip_refuses_what_it_cannot_cut():
    with pytest.raises(ValueError, match='15599 samples, too few'):
        cut_clip(np.zeros(15599), 0, RATE)
    with pytest.raises(ValueError, match='from 0, but got -1'):
        cut_clip(np.zeros(RATE), -1, RATE)
