# Copyright (c) mmteso contributors. All rights reserved.
import pickle

import numpy as np
import pytest
import soundfile
from mmseg.registry import TRANSFORMS

from mmteso.audio import AudioFileError
from mmteso.datasets.transforms import LoadAudioClip

RATE = 16000


@pytest.fixture
def sample(tmp_path):
    """Sample of a frame of a ramp that lasts the given seconds."""

    def _sample(frame, seconds=5., uid='u'):
        path = tmp_path / f'{uid}_{seconds}.wav'
        if not path.exists():
            ramp = np.arange(round(seconds * RATE)) / (20 * RATE)
            soundfile.write(str(path), ramp, RATE, subtype='FLOAT')
        return dict(audio_path=str(path), uid=uid, frame=frame)

    return _sample


@pytest.mark.parametrize('clip_hop', [1.0, 0.96])
def test_the_frames_own_sound(sample, clip_hop):
    transform = TRANSFORMS.build(
        dict(type='LoadAudioClip', clip_hop=clip_hop))
    for frame in range(5):
        results = transform(sample(frame))
        waveform = results['waveform']
        assert waveform.shape == (15600, ) and waveform.dtype == np.float32
        # the ramp's value tells the time
        assert waveform[0] * 20 == pytest.approx(frame * clip_hop, abs=1e-4)
        assert waveform[-1] * 20 == pytest.approx(
            frame * clip_hop + 0.975, abs=1e-3)
        assert results['sample_rate'] == RATE
        assert results['audio_condition'] == 'normal'


def test_default_is_the_papers_hop():
    assert LoadAudioClip().clip_hop == 1.0


@pytest.mark.parametrize('clip_hop, last', [(1.0, 1.525), (0.96, 0.96)])
def test_short_files_end_with_their_last_clip(sample, warned, clip_hop, last):
    transform = LoadAudioClip(clip_hop=clip_hop)
    starts = [
        transform(sample(frame, 2.5))['waveform'][0] * 20
        for frame in (0, 1, 2, 3, 4, 2, 1)
    ]
    np.testing.assert_allclose(
        starts, [0, clip_hop, last, last, last, last, clip_hop], atol=1e-4)
    assert len(warned) == 1  # once per file
    assert 'u_2.5.wav' in warned[0] and 'lasts 2.500 s' in warned[0]
    assert f'too short for frame 2: it hears the 0.975 s from {last:.3f} s' \
        in warned[0]
    transform(sample(3, 2.5, uid='v'))
    assert len(warned) == 2


def test_a_few_missing_milliseconds_cost_no_more(sample, warned):
    waveform = LoadAudioClip()(sample(4, 4.97))['waveform']
    assert waveform[0] * 20 == pytest.approx(3.995, abs=1e-4)
    assert waveform[-1] * 20 == pytest.approx(4.97, abs=1e-3)
    assert not warned


def test_complete_files_say_nothing(sample, warned):
    for frame in range(5):
        LoadAudioClip()(sample(frame))
        LoadAudioClip(clip_hop=0.96)(sample(frame))
    assert not warned


def test_a_clip_is_a_copy(sample):
    transform = LoadAudioClip()
    transform(sample(0))['waveform'][:] = 7
    assert transform(sample(0))['waveform'].max() < 1


def test_another_rate(sample):
    results = LoadAudioClip(sample_rate=8000)(sample(1))
    assert results['waveform'].shape == (7800, )
    assert results['sample_rate'] == 8000
    assert results['waveform'][100] * 20 == pytest.approx(1.0125, abs=1e-3)


def test_too_short_for_one_clip_is_an_error(sample):
    with pytest.raises(
            AudioFileError, match='u_0.9.wav" of "u" lasts 0.900 s.*0.975 s'):
        LoadAudioClip()(sample(0, 0.9))


def test_missing_file_is_named(sample):
    with pytest.raises(FileNotFoundError, match='gone.wav'):
        LoadAudioClip()(dict(sample(0), audio_path='gone.wav'))


@pytest.mark.parametrize('keys', [{}, dict(audio_path=None)])
def test_a_data_set_without_sound_files(keys):
    with pytest.raises(KeyError, match='"u" lacks.*LoadLogMel'):
        LoadAudioClip()(dict(uid='u', frame=0, **keys))


def test_impossible_arguments():
    with pytest.raises(ValueError, match='clip_hop must be pos.*got 0'):
        LoadAudioClip(clip_hop=0)
    with pytest.raises(ValueError, match='sample_rate must be pos.*got 0'):
        LoadAudioClip(sample_rate=0)


def test_goes_to_workers(sample):
    transform = pickle.loads(pickle.dumps(LoadAudioClip(clip_hop=0.96)))
    assert transform(sample(2))['waveform'][0] * 20 == pytest.approx(
        1.92, abs=1e-4)
    assert repr(transform) == (
        'LoadAudioClip(sample_rate=16000, clip_hop=0.96, backend_args=None)')
