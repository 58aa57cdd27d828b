# Copyright (c) mmteso contributors. All rights reserved.

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from mmteso.audio import waveform as module
from mmteso.audio.vggish_params import EXAMPLE_SAMPLES
from mmteso.audio.waveform import (AudioFileError, count_clips, cut_clip,
                                   last_clip_rule, load_waveform,
                                   read_waveform)

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


def test_mp3(tmp_path):
    path = str(tmp_path / 'a.mp3')
    soundfile.write(path, sine(2), RATE)
    waveform = read_waveform(path)
    assert abs(len(waveform) - 2 * RATE) < 0.1 * RATE  # the coder pads
    middle = waveform[RATE // 2:RATE]
    assert np.argmax(np.abs(np.fft.rfft(middle))) == 220  # bins of 2 Hz
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.354, abs=0.02)


def test_channels_are_averaged(tmp_path):
    channels = np.stack([sine(1), -sine(1), sine(1, hertz=880)], axis=1)
    path = str(tmp_path / 'a.wav')
    soundfile.write(path, channels, RATE, subtype='FLOAT')
    np.testing.assert_allclose(
        read_waveform(path), sine(1, hertz=880) / 3, atol=1e-7)


@pytest.mark.parametrize('rate', [8000, 22050, 44100, 48000])
def test_other_rates_become_16_khz(tmp_path, rate):
    path = str(tmp_path / 'a.wav')
    soundfile.write(path, sine(1, rate), rate, subtype='FLOAT')
    waveform = read_waveform(path)
    assert len(waveform) == RATE
    # the filter rings where the sine is cut off, at both ends
    np.testing.assert_allclose(
        waveform[500:-500], sine(1)[500:-500], atol=1e-4)


def test_what_lies_beyond_8_khz_does_not_fold_back(tmp_path):
    path = str(tmp_path / 'a.wav')
    soundfile.write(path, sine(1, 44100, 12000.), 44100, subtype='FLOAT')
    assert np.abs(read_waveform(path)[500:-500]).max() < 1e-3


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere.wav" does not exist'):
        read_waveform(str(tmp_path / 'nowhere.wav'))


def test_unusable_files_are_named(tmp_path):
    path = tmp_path / 'a.wav'
    path.write_bytes(b'no sound at all')
    with pytest.raises(AudioFileError, match='a.wav.*15 bytes.*decoded'):
        read_waveform(str(path))
    soundfile.write(str(path), np.zeros(0), RATE)
    with pytest.raises(AudioFileError, match='a.wav" holds no samples'):
        read_waveform(str(path))
    soundfile.write(str(path), np.array([0, np.nan]), RATE, subtype='FLOAT')
    with pytest.raises(AudioFileError, match='not finite'):
        read_waveform(str(path))


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


@settings(deadline=None)
@given(st.integers(0, 200000), st.integers(1, 20000), st.integers(1, 20000))
def test_count_clips_counts_the_clips_that_fit(num_samples, hop, length):
    count = count_clips(num_samples, hop, length)
    assert count >= 0
    if count:
        assert (count - 1) * hop + length <= num_samples
    assert count * hop + length > num_samples


@pytest.mark.parametrize('seconds, examples', [(0.9, 0), (0.975, 1), (4.5, 4),
                                               (5, 5), (10, 10)])
def test_consecutive_examples_are_as_many_as_avsbench_has(seconds, examples):
    # 0.96 s: AVSBENCH.md, from torchvggish's framing in two steps
    assert count_clips(round(seconds * RATE), 15360) == examples


def test_cut_clip_starts_at_the_frames_second():
    waveform = np.arange(5 * RATE, dtype=np.float32)
    for hop in (RATE, 15360):
        for frame in range(5):
            clip, start = cut_clip(waveform, frame, hop)
            assert len(clip) == EXAMPLE_SAMPLES == 15600
            assert clip[0] == start == frame * hop
    clip[:] = 0
    assert waveform[-1] == 5 * RATE - 1  # a copy


@pytest.mark.parametrize('seconds, aligned, repeated', [
    (5.5, [0, 1, 2, 3, 4], [0, 0.96, 1.92, 2.88, 3.84]),
    (4.98, [0, 1, 2, 3, 4], [0, 0.96, 1.92, 2.88, 3.84]),
    (4.97, [0, 1, 2, 3, 3.995], [0, 0.96, 1.92, 2.88, 3.84]),
    (4.5, [0, 1, 2, 3, 3.525], [0, 0.96, 1.92, 2.88, 2.88]),
    (2.5, [0, 1, 1.525, 1.525, 1.525], [0, 0.96, 0.96, 0.96, 0.96]),
    (0.975, [0] * 5, [0] * 5),
])
def test_short_sounds(seconds, aligned, repeated):
    waveform = np.arange(round(seconds * RATE), dtype=np.float64) / RATE
    for clip_hop, expected in ((1., aligned), (0.96, repeated)):
        starts = [
            cut_clip(waveform, frame, round(clip_hop * RATE),
                     last_clip=last_clip_rule(clip_hop))[0][0]
            for frame in range(5)
        ]
        np.testing.assert_allclose(starts, expected, atol=1e-9)


def test_cut_clip_refuses_what_it_cannot_cut():
    with pytest.raises(ValueError, match='15599 samples, too few'):
        cut_clip(np.zeros(15599), 0, RATE)
    with pytest.raises(ValueError, match='from 0, but got -1'):
        cut_clip(np.zeros(RATE), -1, RATE)
