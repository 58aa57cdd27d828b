# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
from mmseg.registry import TRANSFORMS

from data import write_wav
from mmteso.audio import read_waveform
from mmteso.datasets.transforms import ReplaceAudioWithOffScreen


@pytest.fixture
def sounds(tmp_path):
    """Paths: 3 s with a loud second, silence, 1 s of 3, too short."""
    import soundfile
    time = np.arange(48000) / 16000
    tone = np.sin(2 * np.pi * 300 * time) * (0.1 + 0.4 * (time // 1 == 1))
    paths = dict(second=str(tmp_path / 'second.wav'))
    soundfile.write(paths['second'], tone, 16000)
    for name, silent_from in (('silent', 0), ('starts', 1), ('short', None)):
        paths[name] = str(tmp_path / f'{name}.wav')
        write_wav(paths[name], 0.5 if name == 'short' else 3, [200.],
                  silent_from)
    return paths


def sample(*donors, frame=0):
    return dict(
        uid='u',
        frame=frame,
        sample_rate=16000,
        audio_condition='normal',
        waveform=np.ones(15600, np.float32),
        off_screen=[dict(uid=path, audio_path=path) for path in donors])


def test_loudest_second(sounds):
    transform = TRANSFORMS.build(dict(type='ReplaceAudioWithOffScreen'))
    expected = read_waveform(sounds['second'])[16000:31600]
    for frame in (0, 2, 7):
        results = transform(sample(sounds['second'], frame=frame))
        np.testing.assert_array_equal(results['waveform'], expected)
        assert results['waveform'].dtype == np.float32
        assert results['audio_condition'] == 'off-screen'
        assert results['off_screen_uid'] == sounds['second']
    # the file may be cached
    results['waveform'][:] = 0
    assert transform(sample(sounds['second']))['waveform'].any()


def test_same_second(sounds):
    transform = ReplaceAudioWithOffScreen(second='same')
    whole = read_waveform(sounds['second'])
    # three seconds; later frames hear the last 0.975 s
    for frame, start in ((0, 0), (1, 16000), (2, 32000), (7, 32400)):
        results = transform(sample(sounds['second'], frame=frame))
        np.testing.assert_array_equal(results['waveform'],
                                      whole[start:start + 15600])


def test_hop(sounds):
    whole = read_waveform(sounds['second'])
    results = ReplaceAudioWithOffScreen(
        second='same', clip_hop=0.5)(sample(sounds['second'], frame=3))
    np.testing.assert_array_equal(results['waveform'], whole[24000:39600])


def test_silent_and_short_donors_are_passed_over(sounds):
    transform = ReplaceAudioWithOffScreen()
    results = transform(
        sample(sounds['silent'], sounds['short'], sounds['second']))
    assert results['off_screen_uid'] == sounds['second']
    # silent in this second only
    results = ReplaceAudioWithOffScreen(second='same')(
        sample(sounds['starts'], sounds['second'], frame=2))
    assert results['off_screen_uid'] == sounds['second']
    assert transform(
        sample(sounds['starts'], sounds['second'],
               frame=2))['off_screen_uid'] == sounds['starts']


def test_no_audible_donor(sounds):
    with pytest.raises(ValueError) as error:
        ReplaceAudioWithOffScreen()(sample(sounds['silent'], sounds['short']))
    for part in ('"u"', sounds['silent'], sounds['short'], 'another seed'):
        assert part in str(error.value)
    with pytest.raises(ValueError, match='is audible'):
        ReplaceAudioWithOffScreen(silence_db=0.)(sample(sounds['second']))


def test_data_set_without_donors():
    results = sample()
    with pytest.raises(KeyError, match='"u" lacks: build the data set with'):
        ReplaceAudioWithOffScreen()(results)
    results.pop('off_screen')
    with pytest.raises(KeyError, match='off_screen=dict'):
        ReplaceAudioWithOffScreen()(results)


def test_place_in_the_pipeline(sounds):
    with pytest.raises(RuntimeError, match='stands behind'):
        ReplaceAudioWithOffScreen()(
            dict(sample(sounds['second']), log_mel=None))


@pytest.mark.parametrize('kwargs, message', [
    (dict(second='first'), "'loudest', 'same'"),
    (dict(clip_hop=0), 'clip_hop must be positive'),
])
def test_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ReplaceAudioWithOffScreen(**kwargs)
