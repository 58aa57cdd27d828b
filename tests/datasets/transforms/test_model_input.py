# Copyright (c) mmteso contributors. All rights reserved.
import json

import numpy as np
import pytest
import torch
from mmseg.registry import TRANSFORMS

from mmteso.audio import white_noise
from mmteso.datasets.transforms import (AudioToModelInput, MuteAudio,
                                        PackAVTInputs)

pytest.importorskip('transformers')


def clip(rate=16000, seed=0):
    rng = np.random.default_rng(seed)
    waveform = rng.standard_normal(round(0.975 * rate)) / 10
    return dict(
        waveform=waveform.astype(np.float32),
        sample_rate=rate,
        uid='a',
        frame=0,
        audio_condition='normal')


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    """Extractors alone; the transform reads no weights."""
    from transformers import (ASTFeatureExtractor, ClapFeatureExtractor,
                              SeamlessM4TFeatureExtractor,
                              Wav2Vec2FeatureExtractor)
    root = tmp_path_factory.mktemp('extractors')
    for name, extractor in dict(
            ast=ASTFeatureExtractor(),
            fused=ClapFeatureExtractor(),
            unfused=ClapFeatureExtractor(truncation='rand_trunc'),
            scaled=Wav2Vec2FeatureExtractor(do_normalize=True),
            masked=SeamlessM4TFeatureExtractor()).items():
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
    expected = next(iter(features.values()))[0]
    assert torch.equal(values, expected.float())
    assert not torch.equal(values, transform(clip(rate, 1))['audio_values'])
    # nothing of chance, as there is in clips of more than 10 s
    assert torch.equal(values, transform(clip(rate))['audio_values'])


def test_clip_is_filled_up(folders):
    """AST's to 10.24 s by zeros, CLAP's to 10 s by itself."""
    ast = transform_of(folders, 'ast')
    values = ast(clip())['audio_values']
    filling = (0 - ast.extractor.mean) / (2 * ast.extractor.std)
    torch.testing.assert_close(values[96:], torch.full((928, 128), filling))
    assert (values[:96] - filling).abs().min() > 0
    clap = transform_of(folders, 'unfused')
    values = clap(clip(48000))['audio_values'][0]
    # 46800 samples are 97.5 hops: after two clips it is the same again
    inner = slice(5, 90)
    for times in (1, 2, 3):
        later = values[inner.start + 195 * times:inner.stop + 195 * times]
        torch.testing.assert_close(later, values[inner], atol=2e-3, rtol=0)


def test_mute_before_it(folders):
    """Silence goes the way of any sound; after it muting is too late."""
    for name in ('ast', 'scaled'):
        transform = transform_of(folders, name)
        muted = transform(MuteAudio()(clip()))
        assert muted['audio_condition'] == 'mute'
        silence = transform(dict(clip(), waveform=np.zeros(15600, 'float32')))
        assert torch.equal(muted['audio_values'], silence['audio_values'])
        assert torch.isfinite(muted['audio_values']).all()
        with pytest.raises(RuntimeError, match='made audio_values, where it'):
            MuteAudio()(muted)


def test_scaling_hides_loudness(folders):
    scaled, ast = transform_of(folders, 'scaled'), transform_of(folders, 'ast')
    loud, soft = (
        dict(
            clip(),
            waveform=white_noise(
                clip()['waveform'], level,
                generator=np.random.default_rng(3))) for level in (10, 40))
    assert loud['waveform'].std() > 30 * soft['waveform'].std()
    first, second = (
        scaled(dict(sound))['audio_values'].std() for sound in (loud, soft))
    assert 0.9 < second / first < 1
    difference = ast(loud)['audio_values'] - ast(soft)['audio_values']
    assert difference[:96].mean() > 0.5


def test_goes_into_the_inputs(folders):
    packed = PackAVTInputs()(transform_of(folders, 'ast')(clip()))
    assert set(packed['inputs']) == {'audio_values'}


def test_sample_rate(folders):
    with pytest.raises(
            ValueError, match=r'48000 samples a second.*sample_rate=48000'):
        transform_of(folders, 'fused')(clip(16000))
    with pytest.raises(KeyError, match='LoadAudioClip before'):
        transform_of(folders, 'ast')({})


def test_marked_filling_is_refused(folders):
    """97 rows of 10 ms become 98."""
    transform = transform_of(folders, 'masked')
    assert transform(clip())['audio_values'].shape == (48, 160)
    longer = dict(clip(), waveform=np.zeros(15760, 'float32'))
    with pytest.raises(ValueError, match='15760 samples and marks'):
        transform(longer)


def test_settings_are_plain(folders):
    for name in ('ast', 'fused'):
        settings = json.loads(
            json.dumps(transform_of(folders, name).settings()))
        assert settings['sampling_rate'] in (16000, 48000)
        assert 'mel_filters' not in settings


def test_missing_folder(tmp_path):
    with pytest.raises(
            FileNotFoundError, match='preprocessor_config.json.*hf download'):
        AudioToModelInput(str(tmp_path / 'none'))
