# Copyright (c) mmteso contributors. All rights reserved.
import pickle

import pytest
import torch
from mmseg.registry import TRANSFORMS

from mmteso.datasets.transforms import (LoadAudioFeatures, LoadTextFeatures,
                                        PackAVTInputs)
from mmteso.io import (CueRecord, FeatureFileError, Provenance, write_cue_file,
                       write_feature_file)

CLASSES = ('background', 'dog', 'man')
CUES = [('dog', 'car'), (), ('a', 'man', 'dog', 'd', 'e')]


@pytest.fixture
def audio_file(tmp_path):

    def _write(**settings):
        path = str(tmp_path / 'audio.safetensors')
        features = {f'u/{t}': torch.full((128, ), float(t)) for t in range(3)}
        features['u/2'] = features['u/2'].half()
        write_feature_file(path, features,
                           Provenance('audio', 'VGGish', 'ab', 128, settings))
        return path

    return _write


@pytest.fixture
def text_file(tmp_path):
    path = str(tmp_path / 'text.safetensors')
    features = {
        f'u/{t}': torch.arange(1., 1 + 8 * len(cues)).reshape(-1, 8)
        for t, cues in enumerate(CUES)
    }
    write_feature_file(
        path, features,
        Provenance('text', 'ImageBind', 'ab', 8, dict(scaled=True)))
    return path


@pytest.fixture
def cue_file(tmp_path):
    path = str(tmp_path / 'cues.jsonl')
    write_cue_file(
        path, [CueRecord('u', t, cues) for t, cues in enumerate(CUES)])
    return path


def sample(frame, **keys):
    return dict(uid='u', frame=frame, class_names=CLASSES, **keys)


def test_audio(audio_file):
    transform = TRANSFORMS.build(
        dict(
            type='LoadAudioFeatures',
            feature_file=audio_file(),
            expect=dict(encoder='VGGish', dims=128)))
    for frame in range(3):
        results = transform(sample(frame))
        assert results['audio_feat'].shape == (128, )
        assert results['audio_feat'].dtype == torch.float32
        assert (results['audio_feat'] == frame).all()
        assert results['audio_condition'] == 'normal'
        assert results['audio_provenance'] == dict(
            file=transform.feature_file, encoder='VGGish', state_sha256=None)
    with pytest.raises(KeyError, match='audio.safetensors.*"u/9"'):
        transform(sample(9))


def test_features_of_altered_sound_are_refused(audio_file):
    with pytest.raises(
            FeatureFileError, match="audio.safetensors.*altered.*'mute'"):
        LoadAudioFeatures(audio_file(audio_condition='mute'))
    same = LoadAudioFeatures(audio_file(audio_condition='normal'))
    assert same(sample(0))['audio_condition'] == 'normal'


def test_whose_weights(audio_file):
    transform = LoadAudioFeatures(audio_file(state_sha256='cd'))
    results = transform(sample(0))
    assert results['audio_provenance']['state_sha256'] == 'cd'
    # through packing, to where the model reads it
    packed = PackAVTInputs()(results)['data_samples']
    assert packed.audio_provenance == results['audio_provenance']


def test_no_file(tmp_path):
    path = str(tmp_path / 'none.safetensors')
    with pytest.raises(
            FileNotFoundError, match='extract_audio_features.py CONFIG --out'):
        LoadAudioFeatures(path)


def test_other_features_than_expected(audio_file, text_file):
    with pytest.raises(FeatureFileError, match="kind is 'audio', expected"):
        LoadTextFeatures(audio_file())
    with pytest.raises(FeatureFileError, match="kind is 'text', expected"):
        LoadAudioFeatures(text_file)
    with pytest.raises(FeatureFileError, match='scaled.*True, expected False'):
        LoadTextFeatures(text_file, expect=dict(settings=dict(scaled=False)))


def test_text(text_file):
    transform = TRANSFORMS.build(
        dict(type='LoadTextFeatures', feature_file=text_file, num_cues=4))
    for frame, count in enumerate((2, 0, 4)):
        results = transform(sample(frame))
        assert set(results) - set(sample(0)) == {'text_feat', 'text_valid'}
        feature = results['text_feat']
        assert feature.shape == (4, 8) and feature.dtype == torch.float32
        expected = torch.arange(1., 1 + 8 * count).reshape(-1, 8)
        assert torch.equal(feature[:count], expected)
        assert not feature[count:].any()
        assert results['text_valid'].tolist() == [i < count for i in range(4)]


def test_text_with_words_and_targets(text_file, cue_file):
    transform = LoadTextFeatures(
        text_file, cue_file=cue_file, cue_target='mask')
    targets = []
    for frame, cues in enumerate(CUES):
        results = transform(sample(frame, frame_classes=('man', )))
        assert results['text_cues'] == list(cues[:4])
        targets.append(results['cue_target'].tolist())
    assert targets == [[0, -1, -1, -1], [-1] * 4, [-1, 1, 0, -1]]


def test_synonyms_for_targets(tmp_path, text_file):
    path = str(tmp_path / 'guys.jsonl')
    write_cue_file(
        path, [CueRecord('u', 0, ('guy', 'hounds')), CueRecord('u', 1, ())])
    synonyms = tmp_path / 'mine.yaml'
    synonyms.write_text('words: {dog: [hound], man: [guy]}')
    transform = LoadTextFeatures(
        text_file,
        cue_file=path,
        cue_target='mask',
        synonyms=str(synonyms))
    results = transform(sample(0, frame_classes=('man', )))
    assert results['cue_target'].tolist() == [1, 0, -1, -1]


def test_words_of_other_cues_are_an_error(text_file, tmp_path):
    path = str(tmp_path / 'other.jsonl')
    write_cue_file(path, [CueRecord('u', 0, ('dog', ))])
    transform = LoadTextFeatures(text_file, cue_file=path)
    with pytest.raises(
            FeatureFileError,
            match='Frame 0 of "u" has 1 cues in .*other.jsonl.*2 features'):
        transform(sample(0))


def test_impossible_arguments(text_file):
    with pytest.raises(ValueError, match='needs cue_file'):
        LoadTextFeatures(text_file, cue_target='mask')
    with pytest.raises(ValueError, match='num_cues'):
        LoadTextFeatures(text_file, num_cues=0)


def test_goes_to_workers(audio_file, text_file, cue_file):
    for transform in (LoadAudioFeatures(audio_file()),
                      LoadTextFeatures(text_file, cue_file=cue_file)):
        expected = transform(sample(0))
        results = pickle.loads(pickle.dumps(transform))(sample(0))
        for key in expected.keys() - sample(0).keys():
            same = expected[key] == results[key]
            assert same if isinstance(same, bool) else same.all()
