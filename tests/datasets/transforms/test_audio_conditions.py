# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
import soundfile
import torch
from mmcv.transforms import Compose
from mmseg.registry import TRANSFORMS

from data import write_wav
from mmteso.audio import read_waveform
from mmteso.datasets.transforms import (AudioToLogMel, MuteAudio,
                                        ReplaceAudioWithNoise,
                                        ReplaceAudioWithOffScreen)


def sample(uid='u', frame=0, amplitude=0.5, **keys):
    waveform = amplitude * np.sin(np.arange(15600) / 9)
    return dict(
        uid=uid,
        frame=frame,
        sample_rate=16000,
        audio_condition='normal',
        waveform=waveform.astype(np.float32),
        **keys)


def test_mute():
    original = sample()
    waveform = original['waveform']
    results = TRANSFORMS.build(dict(type='MuteAudio'))(original)
    assert results['audio_condition'] == 'mute'
    assert results['waveform'].shape == (15600, )
    assert results['waveform'].dtype == np.float32
    assert not results['waveform'].any()
    assert waveform.any()  # the loader's cache may own it


# ------------------------------------------------------------------- noise
@pytest.mark.parametrize('reference, std', [
    ('snr', 0.5 / 2**0.5 * 10**-0.5), ('pcm16', 10**0.5 / 32768)])
def test_noise_of_a_level(reference, std):
    transform = TRANSFORMS.build(
        dict(
            type='ReplaceAudioWithNoise', level_db=10, reference=reference))
    results = transform(sample())
    waveform = results['waveform']
    assert results['audio_condition'] == 'wgn-10db'
    assert results['noise_reference'] == reference
    assert waveform.shape == (15600, ) and waveform.dtype == np.float32
    assert waveform.std() == pytest.approx(std, rel=0.02)
    with pytest.raises(ValueError, match="one of.*'pcm16'.*'rms'"):
        ReplaceAudioWithNoise(10, 'rms')


def test_noise_of_a_frame():
    """It follows from seed, clip and frame; stored, as hash() changes."""
    results = ReplaceAudioWithNoise(0, 'full_scale')(
        dict(uid='u', frame=3, waveform=np.zeros(3)))
    np.testing.assert_allclose(
        results['waveform'], [-0.6420086, 0.4724814, -0.5733193], atol=1e-6)
    frames = [('u', 0, 0), ('u', 1, 0), ('v', 0, 0), ('u', 0, 1),
              # names that simple concatenation would mix up
              ('1', 11, 0), ('11', 1, 0)]
    noises = [
        ReplaceAudioWithNoise(10, seed=seed)(sample(uid, frame))['waveform']
        for uid, frame, seed in frames
    ]
    correlation = np.corrcoef(noises) - np.eye(len(frames))
    assert np.abs(correlation).max() < 0.05


@pytest.mark.parametrize('transform', [
    MuteAudio(), ReplaceAudioWithNoise(10), ReplaceAudioWithOffScreen()
])
def test_places_where_it_would_do_nothing_are_refused(transform):
    name = type(transform).__name__
    with pytest.raises(RuntimeError, match=f'{name} stands after log_mel'):
        Compose([AudioToLogMel(), transform])(sample())
    with pytest.raises(RuntimeError, match='have no sound to alter'):
        transform(dict(uid='u', frame=0, audio_feat=torch.zeros(128)))


# -------------------------------------------------------------- off-screen
@pytest.fixture
def sounds(tmp_path):
    """Paths: 3 s with a loud second, silence, too short."""
    time = np.arange(48000) / 16000
    tone = np.sin(2 * np.pi * 300 * time) * (0.1 + 0.4 * (time // 1 == 1))
    paths = dict(second=str(tmp_path / 'second.wav'))
    soundfile.write(paths['second'], tone, 16000)
    for name, seconds, silent_from in (('silent', 3, 0), ('short', .5, None)):
        paths[name] = str(tmp_path / f'{name}.wav')
        write_wav(paths[name], seconds, [200.], silent_from)
    return paths


def foreign(*donors, frame=0):
    return sample(
        frame=frame,
        off_screen=[dict(uid=path, audio_path=path) for path in donors])


def test_loudest_second(sounds):
    transform = TRANSFORMS.build(dict(type='ReplaceAudioWithOffScreen'))
    expected = read_waveform(sounds['second'])[16000:31600]
    for frame in (0, 2, 7):
        results = transform(foreign(sounds['second'], frame=frame))
        np.testing.assert_array_equal(results['waveform'], expected)
        assert results['waveform'].dtype == np.float32
        assert results['audio_condition'] == 'off-screen'
        assert results['off_screen_uid'] == sounds['second']
    # the file may be cached
    results['waveform'][:] = 0
    assert transform(foreign(sounds['second']))['waveform'].any()


def test_silent_and_short_donors_are_passed_over(sounds):
    donors = sounds['silent'], sounds['short'], sounds['second']
    results = ReplaceAudioWithOffScreen()(foreign(*donors))
    assert results['off_screen_uid'] == sounds['second']


def test_a_window_takes_what_a_short_donor_has(sounds):
    """Of LoadAudioClip(window=...); here 5 s, the donor lasts 3 s."""
    results = foreign(sounds['short'], sounds['second'])
    results['waveform'] = np.zeros(5 * 16000, np.float32)
    results = ReplaceAudioWithOffScreen()(results)
    assert results['off_screen_uid'] == sounds['second']
    np.testing.assert_array_equal(results['waveform'],
                                  read_waveform(sounds['second']))


def test_no_audible_donor(sounds):
    with pytest.raises(ValueError) as error:
        ReplaceAudioWithOffScreen()(foreign(sounds['silent'], sounds['short']))
    for part in ('"u"', sounds['silent'], sounds['short'], 'another seed'):
        assert part in str(error.value)
    with pytest.raises(ValueError, match='is audible'):
        ReplaceAudioWithOffScreen(silence_db=0.)(foreign(sounds['second']))
    for without in (sample(), foreign()):
        with pytest.raises(KeyError, match='off_screen=dict'):
            ReplaceAudioWithOffScreen()(without)
