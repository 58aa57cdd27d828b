# Copyright (c) mmteso contributors. All rights reserved.
"""Configs that swap the audio encoder, and the chain behind them."""
import copy
import importlib.util
import os
import shutil

import numpy as np
import pytest
import tiny_audio
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, load_checkpoint
from mmseg.registry import DATASETS, MODELS
from narrow import load, narrow_config

from mmteso.apis import extract_audio_features
from mmteso.datasets.transforms import AudioToModelInput
from mmteso.engine import insert_audio_conditions
from mmteso.io import FeatureFile
from mmteso.models import TransformersAudioEncoder

pytest.importorskip('transformers')
WRITERS = dict(ast=tiny_audio.write_ast, clap=tiny_audio.write_clap)
HAS_SPEECHBRAIN = importlib.util.find_spec('speechbrain') is not None


def config_of(kind):
    return load(f'teso/teso-{kind}_swin-b_v1m.py')


def pipelines(config):
    loaders = [config[f'{split}_dataloader'] for split in ('train', 'val',
                                                           'test')]
    return [loader.dataset.pipeline for loader in loaders] + \
        [config.tta_pipeline]


def sound_of(pipeline):
    kinds = [step.type for step in pipeline]
    place = kinds.index('LoadAudioClip')
    return pipeline[place:place + 2]


@pytest.mark.parametrize('kind, millions', [('ast', 86.2), ('clap', 28.2),
                                            ('beats', 90.3)])
def test_builds_at_full_size(kind, millions, tmp_path):
    """Widths fit; sizes are those of the published models."""
    if kind == 'beats' and not HAS_SPEECHBRAIN:
        pytest.skip('SpeechBrain is not installed')
    init_default_scope('mmseg')
    config = config_of(kind).model
    audio = config.audio_encoder
    if kind != 'beats':
        audio.pretrained = tiny_audio.write_config_only(tmp_path, kind)
        with torch.device('meta'):
            encoder = MODELS.build(audio)
    else:
        encoder = MODELS.build(audio)
    count = sum(p.numel() for p in encoder.parameters()) / 1e6
    assert count == pytest.approx(millions, rel=0.01)
    assert encoder.embed_dims == config.prompt_encoder.audio_dims
    with torch.device('meta'):
        prompt = MODELS.build(config.prompt_encoder)
        assert prompt.audio_mlp[0].in_features == encoder.embed_dims


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp('models')
    return {kind: write(base / kind) for kind, write in WRITERS.items()}


def narrowed(kind, folder, root, work_dir):
    """A narrow model with a small audio encoder of the real kind."""
    config = config_of(kind)
    encoder = copy.deepcopy(config.model.audio_encoder)
    narrow_config(config, root, work_dir)
    encoder.pretrained = folder
    config.model.audio_encoder = encoder
    config.model.prompt_encoder.audio_dims = dict(ast=32, clap=24)[kind]
    for pipeline in pipelines(config)[:3]:
        for step in pipeline:
            if step.type == 'AudioToModelInput':
                step.pretrained = folder
    return config


def test_trains_and_tests(folders, v1m, tmp_path):
    """The folder's weights come in, stay, and are in the checkpoint."""
    config = narrowed('ast', folders['ast'], v1m, tmp_path)
    runner = Runner.from_cfg(config)
    runner.train()
    encoder = runner.model.audio_encoder
    reference = TransformersAudioEncoder(folders['ast'], pool='pooler')
    reference.init_weights()
    for key, value in encoder.state_dict().items():
        assert torch.equal(value, reference.state_dict()[key]), key
    assert not encoder.training
    assert not any(p.requires_grad for p in encoder.parameters())
    assert {'J', 'F'} <= set(runner.test())
    # a folder without weights is enough to test
    checkpoint, = tmp_path.glob('best_*.pth')
    folder = tmp_path / 'json'
    folder.mkdir()
    for name in ('config.json', 'preprocessor_config.json'):
        shutil.copy(os.path.join(folders['ast'], name), folder)
    config = narrowed('ast', str(folder), v1m, tmp_path / 'test')
    model = MODELS.build(config.model)
    load_checkpoint(model, str(checkpoint), strict=True)
    values = torch.randn(2, 128, 64)
    assert torch.equal(model.audio_encoder(values), reference(values))


@pytest.mark.parametrize('kind', sorted(WRITERS))
def test_cache_and_audio_conditions(kind, folders, v1m, tmp_path):
    """Normal sound from the cache; mute through the model's own encoder."""
    config = narrowed(kind, folders[kind], v1m, tmp_path)
    file = str(tmp_path / 'audio.safetensors')
    extract_audio_features(config, file, splits=['test'], num_workers=0)
    settings = FeatureFile(file).provenance.settings
    rate = 48000 if kind == 'clap' else 16000
    assert settings['sample_rate'] == rate
    assert settings['front_end'] == dict(
        type='AudioToModelInput', pretrained=folders[kind])
    assert settings['extractor']['sampling_rate'] == rate

    model = MODELS.build(config.model).eval()
    model.init_weights()

    def prompt_of(pipeline):
        dataset = DATASETS.build(
            dict(config.test_dataloader.dataset, pipeline=pipeline))
        batch = model.data_preprocessor(
            pseudo_collate([dataset[0], dataset[1]]))
        with torch.no_grad():
            return batch['inputs'], model.encode_prompt(**batch).features

    plain = list(config.test_dataloader.dataset.pipeline)
    place = plain.index(sound_of(plain)[0])
    cached = copy.deepcopy(plain)
    cached[place:place + 2] = [dict(type='LoadAudioFeatures',
                                    feature_file=file)]
    inputs, first = prompt_of(plain)
    assert 'audio_values' in inputs
    inputs, second = prompt_of(cached)
    assert 'audio_values' not in inputs
    torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-5)

    silence = AudioToModelInput(folders[kind])(
        dict(waveform=np.zeros(round(0.975 * rate), 'float32'),
             sample_rate=rate))['audio_values']
    for pipeline in (plain, cached):
        inputs, muted = prompt_of(insert_audio_conditions(pipeline, ['mute']))
        for value in inputs['audio_values']:
            torch.testing.assert_close(value, silence)
    assert torch.isfinite(muted).all()
    assert (muted - first).abs().max() > 1e-3
