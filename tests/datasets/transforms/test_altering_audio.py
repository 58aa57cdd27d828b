# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmseg.registry import TRANSFORMS

from mmteso.datasets.transforms import (AudioToLogMel, MuteAudio,
                                        ReplaceAudioWithNoise)


def sample(uid='u', frame=0, amplitude=0.5):
    waveform = amplitude * np.sin(np.arange(15600) / 9)
    return dict(
        uid=uid,
        frame=frame,
        sample_rate=16000,
        audio_condition='normal',
        waveform=waveform.astype(np.float32))


def noise(uid='u', frame=0, **kwargs):
    kwargs = dict(dict(level_db=10), **kwargs)
    return ReplaceAudioWithNoise(**kwargs)(sample(uid, frame))['waveform']


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
    ('snr', 0.5 / 2**0.5 * 10**-0.5),
    ('pcm16', 10**0.5 / 32768),
    ('full_scale', None),
])
def test_noise_of_a_level(reference, std):
    transform = TRANSFORMS.build(
        dict(
            type='ReplaceAudioWithNoise', level_db=10, reference=reference))
    results = transform(sample())
    waveform = results['waveform']
    assert results['audio_condition'] == 'wgn-10db'
    assert results['noise_reference'] == reference
    assert waveform.shape == (15600, ) and waveform.dtype == np.float32
    if std is None:
        assert np.abs(waveform).max() == 1
    else:
        assert waveform.std() == pytest.approx(std, rel=0.02)


def test_snr_of_silence_is_silence():
    transform = ReplaceAudioWithNoise(10)
    assert not transform(sample(amplitude=0))['waveform'].any()


@pytest.mark.parametrize('level, name', [(10, 'wgn-10db'), (40., 'wgn-40db'),
                                         (-2.5, 'wgn--2.5db')])
def test_names_of_conditions(level, name):
    assert ReplaceAudioWithNoise(level)(sample())['audio_condition'] == name


def test_a_frames_noise_repeats_whatever_else_happens():
    transform = ReplaceAudioWithNoise(10)
    first = transform(sample('u', 3))['waveform']
    np.random.seed(5)
    torch.manual_seed(5)
    transform(sample('v', 0))
    np.testing.assert_array_equal(transform(sample('u', 3))['waveform'], first)
    np.testing.assert_array_equal(noise('u', 3), first)


def test_another_frame_clip_or_seed_has_other_noise():
    noises = [
        noise('u', 0),
        noise('u', 1),
        noise('v', 0),
        noise('u', 0, seed=1),
        # names that simple concatenation would mix up
        noise('1', 11),
        noise('11', 1),
    ]
    for i, first in enumerate(noises):
        for second in noises[:i]:
            assert abs(np.corrcoef(first, second)[0, 1]) < 0.05


def test_another_level_is_the_same_noise_softer():
    np.testing.assert_allclose(
        noise(level_db=30), noise(level_db=10) / 10, atol=1e-7)


def test_another_process_or_machine_makes_the_same_noise():
    """Stored numbers: Python's hash() would change from run to run."""
    transform = ReplaceAudioWithNoise(0, 'full_scale')
    results = transform(dict(uid='u', frame=3, waveform=np.zeros(3)))
    np.testing.assert_allclose(
        results['waveform'], [-0.6420086, 0.4724814, -0.5733193], atol=1e-6)


def test_noise_goes_through_the_same_front_end():
    results = Compose([ReplaceAudioWithNoise(10), AudioToLogMel()])(sample())
    assert results['log_mel'].shape == (1, 96, 64)
    assert results['log_mel'].std() > 0
    muted = Compose([MuteAudio(), AudioToLogMel()])(sample())
    torch.testing.assert_close(muted['log_mel'],
                               torch.full((1, 96, 64), 0.01).log())


@pytest.mark.parametrize('transform', [MuteAudio(), ReplaceAudioWithNoise(10)])
def test_places_where_it_would_do_nothing_are_refused(transform):
    name = type(transform).__name__
    with pytest.raises(
            RuntimeError, match=f'{name} stands behind.*LoadAudioClip and'):
        Compose([AudioToLogMel(), transform])(sample())
    with pytest.raises(RuntimeError, match='have no sound to alter'):
        transform(dict(uid='u', frame=0, audio_feat=torch.zeros(128)))
    with pytest.raises(KeyError, match=f'{name} needs the key "waveform"'):
        transform(dict(uid='u', frame=0))


def test_impossible_arguments():
    with pytest.raises(ValueError, match="one of.*'pcm16'.*got 'rms'"):
        ReplaceAudioWithNoise(10, 'rms')
    with pytest.raises(ValueError, match='must be finite, but got nan'):
        ReplaceAudioWithNoise(float('nan'))
