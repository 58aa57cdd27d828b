# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
import soundfile
import torch
from mmcv.transforms import Compose
from mmseg.registry import TRANSFORMS

from data import write_wav
from mmteso.audio import read_waveform
from mmteso.datasets.transforms import (
    AudioToLogMel, MuteAudio, ReplaceAudioWithNoise, ReplaceAudioWithOffScreen,
    SoundNegatives)


def sample(uid='u', frame=0, amplitude=0.5, **keys):
    waveform = amplitude * np.sin(np.arange(15600) / 9)
    return dict(uid=uid, frame=frame, sample_rate=16000,
                audio_condition='normal', waveform=waveform.astype(np.float32),
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


@pytest.mark.parametrize('reference, std', [
    ('snr', 0.5 / 2**0.5 * 10**-0.5), ('pcm16', 10**0.5 / 32768)])
def test_noise_of_a_level(reference, std):
    transform = TRANSFORMS.build(dict(type='ReplaceAudioWithNoise',
                                      level_db=10, reference=reference))
    results = transform(sample())
    waveform = results['waveform']
    assert results['audio_condition'] == 'wgn-10db'
    assert results['noise_reference'] == reference
    assert waveform.shape == (15600, ) and waveform.dtype == np.float32
    assert waveform.std() == pytest.approx(std, rel=0.02)
    with pytest.raises(ValueError, match="one of.*'pcm16'.*'rms'"):
        ReplaceAudioWithNoise(10, 'rms')
    with pytest.raises(ValueError, match='must be finite, but got inf'):
        ReplaceAudioWithNoise(float('inf'))


def test_noise_of_a_frame():
    """It follows from seed, clip and frame; stored, as hash() changes."""
    results = ReplaceAudioWithNoise(0, 'full_scale')(
        dict(uid='u', frame=3, waveform=np.zeros(3)))
    np.testing.assert_allclose(
        results['waveform'], [-0.6420086, 0.4724814, -0.5733193], atol=1e-6)
    frames = [('u', 0, 0), ('u', 1, 0), ('v', 0, 0), ('u', 0, 1),
              # names that simple concatenation would mix up
              ('1', 11, 0), ('11', 1, 0)]
    noises = [ReplaceAudioWithNoise(10,
                                    seed=seed)(sample(uid, frame))['waveform']
              for uid, frame, seed in frames]
    correlation = np.corrcoef(noises) - np.eye(len(frames))
    assert np.abs(correlation).max() < 0.05


@pytest.mark.parametrize('transform', [MuteAudio(), ReplaceAudioWithNoise(10),
                                       ReplaceAudioWithOffScreen(),
                                       SoundNegatives()])
def test_places_where_it_would_do_nothing_are_refused(transform):
    name = type(transform).__name__
    with pytest.raises(RuntimeError, match=f'{name} stands after log_mel'):
        Compose([AudioToLogMel(), transform])(sample())
    with pytest.raises(RuntimeError, match='have no sound to alter'):
        transform(dict(uid='u', frame=0, audio_feat=torch.zeros(128)))


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


def labelled(*donors, **keys):
    """A frame in which classes 1 and 2 sound, with an ignored pixel."""
    return dict(foreign(*donors),
                gt_seg_map=np.array([[0, 1, 1, 255]], np.uint8),
                gt_class_map=np.array([[0, 1, 2, 255]], np.uint8),
                frame_classes=('dog', 'cat'), a_obj=('dog', 'cat'), **keys)


def test_shares_of_negatives(sounds):
    """Drawn anew each time, whatever the frame."""
    np.random.seed(0)
    transform = TRANSFORMS.build(
        dict(type='SoundNegatives', mute=0.1, noise=0.2, off_screen=0.3))
    found = [transform(
                 labelled(sounds['second']))['audio_condition'].split('-')[0]
             for _ in range(1000)]
    for condition, share in dict(
            normal=0.4, mute=0.1, wgn=0.2, off=0.3).items():
        assert found.count(condition) / 1000 == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize('shares', [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_a_negative_has_an_empty_mask(sounds, shares):
    mute, noise, off_screen = shares
    before = labelled(sounds['silent'], sounds['second'])
    sound = before['waveform'].copy()
    results = SoundNegatives(mute, noise, off_screen)(before)
    assert not np.array_equal(results['waveform'], sound)
    assert bool(results['waveform'].any()) == (not mute)
    for key in ('gt_seg_map', 'gt_class_map'):
        np.testing.assert_array_equal(results[key], [[0, 0, 0, 255]])
    assert results['frame_classes'] == results['a_obj'] == ()
    reduced = SoundNegatives(mute, noise, off_screen)(
        labelled(sounds['second'], reduce_zero_label=True))
    assert (reduced['gt_seg_map'] == 255).all()
    np.testing.assert_array_equal(reduced['gt_class_map'], [[0, 0, 0, 255]])
    assert reduced['gt_seg_map'].dtype == np.uint8


def test_noise_of_negatives():
    """Of other values each time, between the two levels."""
    np.random.seed(0)
    transform = SoundNegatives(0, 1, 0, noise_db=(10, 30))
    noises = [transform(labelled())['waveform'] for _ in range(200)]
    levels = -20 * np.log10(np.std(noises, axis=1) / (0.5 / 2**0.5))
    assert 9.5 < levels.min() < 12 and 28 < levels.max() < 30.5
    assert abs(np.corrcoef(noises[:2])[0, 1]) < 0.05


def test_any_audible_second_of_any_donor_is_lent(tmp_path, sounds):
    rng = np.random.default_rng(0)
    other = str(tmp_path / 'other.wav')
    soundfile.write(other, rng.uniform(-.1, .1, 32000), 16000)
    np.random.seed(0)
    lent = {SoundNegatives(0, 0, 1)(
                labelled(sounds['silent'], other,
                         sounds['second']))['waveform'].tobytes()
            for _ in range(60)}
    assert lent == {
        read_waveform(path)[16000 * second:16000 * second + 15600].tobytes()
        for path, seconds in ((other, 2), (sounds['second'], 3))
        for second in range(seconds)}


def test_negatives_that_cannot_be_made(sounds):
    for shares in ((0.5, 0.5, 0.1), (-0.1, 0, 0)):
        with pytest.raises(ValueError, match='sum to at most 1'):
            SoundNegatives(*shares)
    for place in (sample(), labelled(text_cues=['dog'])):
        with pytest.raises(RuntimeError, match='behind LoadAVSAnnotations'):
            SoundNegatives(1, 0, 0)(place)
    with pytest.raises(KeyError, match='num_donors=16'):
        SoundNegatives(0, 0, 1)(labelled())
    with pytest.raises(ValueError, match='is audible'):
        SoundNegatives(0, 0, 1)(labelled(sounds['silent'], sounds['short']))
