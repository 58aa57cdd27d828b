# Copyright (c) mmteso contributors. All rights reserved.
import json

import numpy as np
import pytest
import torch
from mmseg.registry import TRANSFORMS

from mmteso.audio import kaldi_fbank, log_mel_examples
from mmteso.datasets.transforms import (MeasureSoundLevel, MuteAudio,
                                        PackAVTInputs)


def clip(rate=16000, seed=0, samples=None):
    rng = np.random.default_rng(seed)
    waveform = rng.standard_normal(samples or round(0.975 * rate)) / 10
    return dict(waveform=waveform.astype(np.float32), sample_rate=rate,
                uid='a', frame=0, audio_condition='normal')


@pytest.mark.parametrize('kind, key, expected', [
    ('AudioToLogMel', 'log_mel', lambda wave: log_mel_examples(wave)[0]),
    ('AudioToFbank', 'audio_values', kaldi_fbank),
])
def test_own_front_ends(kind, key, expected):
    transform = TRANSFORMS.build(dict(type=kind))
    values = transform(clip())[key]
    assert values.shape == dict(log_mel=(1, 96, 64)).get(key, (96, 128))
    assert values.dtype == torch.float32
    torch.testing.assert_close(
        values, expected(torch.from_numpy(clip()['waveform'])))
    assert repr(transform) == f'{kind}()' and transform.output_key == key
    for other in (clip(8000, samples=7800), clip(samples=399)):
        with pytest.raises(ValueError, match='at 16000 Hz, but got'):
            transform(other)


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    """Extractors alone; the transform reads no weights."""
    transformers = pytest.importorskip('transformers')
    root = tmp_path_factory.mktemp('extractors')
    for name, extractor in dict(
            ast=transformers.ASTFeatureExtractor(),
            fused=transformers.ClapFeatureExtractor(),
            unfused=transformers.ClapFeatureExtractor(truncation='rand_trunc'),
            scaled=transformers.Wav2Vec2FeatureExtractor(do_normalize=True),
            masked=transformers.SeamlessM4TFeatureExtractor()).items():
        extractor.save_pretrained(root / name)
    return root


def transform_of(folders, name):
    return TRANSFORMS.build(
        dict(type='AudioToModelInput', pretrained=str(folders / name)))


@pytest.mark.parametrize('name, rate, shape', [
    ('ast', 16000, (1024, 128)),
    ('fused', 48000, (4, 1001, 64)),
    ('unfused', 48000, (1, 1001, 64)),
    ('scaled', 16000, (15600, )),
])
def test_is_what_the_extractor_makes(folders, name, rate, shape):
    transform = transform_of(folders, name)
    results = clip(rate)
    values = transform(results)['audio_values']
    assert values.shape == shape and values.dtype == torch.float32
    features = transform.extractor(
        [results['waveform']], sampling_rate=rate, return_tensors='pt')
    assert torch.equal(values, next(iter(features.values()))[0].float())
    assert not torch.equal(values, transform(clip(rate, 1))['audio_values'])
    # nothing of chance, as there is in clips of more than 10 s
    assert torch.equal(values, transform(clip(rate))['audio_values'])
    packed = PackAVTInputs()(results)
    assert set(packed['inputs']) == {'audio_values'}
    settings = json.loads(json.dumps(transform.settings()))
    assert settings['sampling_rate'] == rate
    assert 'mel_filters' not in settings


def test_what_it_can_not_read(folders, tmp_path):
    with pytest.raises(
            ValueError, match=r'48000 samples a second.*sample_rate=48000'):
        transform_of(folders, 'fused')(clip(16000))
    # 97 rows of 10 ms become 98
    transform = transform_of(folders, 'masked')
    assert transform(clip())['audio_values'].shape == (48, 160)
    with pytest.raises(ValueError, match='15760 samples and marks'):
        transform(clip(samples=15760))
    with pytest.raises(OSError, match='none'):
        transform_of(tmp_path, 'none')(clip())


@pytest.mark.parametrize('amplitude, level', [(1., 0.), (0.1, -20.),
                                              (1e-3, -60.), (0., -200.)])
def test_sound_level(amplitude, level):
    """Of a square wave, in dB over full scale."""
    wave = np.float32(amplitude) * np.sign(np.sin(np.arange(8000) + .5))
    results = MeasureSoundLevel()(dict(waveform=wave.astype(np.float32)))
    assert results['sound_level'].item() == pytest.approx(level, abs=1e-3)
    with pytest.raises(RuntimeError, match='changes nothing'):
        MuteAudio()(results)
