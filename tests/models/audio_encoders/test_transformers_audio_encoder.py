# Copyright (c) mmteso contributors. All rights reserved.
import shutil

import numpy as np
import pytest
import tiny_audio
import torch
from mmengine.runner import load_state_dict
from mmseg.registry import MODELS
from torch import nn

from mmteso.datasets.transforms import AudioToModelInput
from mmteso.models import TransformersAudioEncoder

transformers = pytest.importorskip('transformers')

WRITERS = dict(ast=tiny_audio.write_ast, clap=tiny_audio.write_clap,
               fused=lambda folder: tiny_audio.write_clap(folder, fusion=True),
               wav2vec2=tiny_audio.write_wav2vec2,
               whisper=tiny_audio.write_whisper)
POOLS = [('ast', 'pooler', 32), ('ast', 'cls', 32), ('ast', 'mean', 32),
         ('clap', 'pooler', 24), ('fused', 'pooler', 24),
         ('wav2vec2', 'mean', 32), ('whisper', 'mean', 32)]


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp('models')
    return {name: write(root / name) for name, write in WRITERS.items()}


def inputs_of(folder, count=3):
    """Noise, a tone, silence."""
    transform = AudioToModelInput(folder)
    rate = transform.extractor.sampling_rate
    time = np.arange(round(0.975 * rate)) / rate
    noise = np.random.default_rng(0).standard_normal(len(time))
    waves = (0.1 * noise, 0.5 * np.sin(2 * np.pi * 440 * time), 0 * time)
    return torch.stack([transform(dict(waveform=wave.astype(np.float32),
                                       sample_rate=rate))['audio_values']
                        for wave in waves[:count]])


def build(folder, **kwargs):
    """With its weights, as the runner does."""
    encoder = MODELS.build(
        dict(type='TransformersAudioEncoder', pretrained=folder, **kwargs))
    encoder.init_weights()
    return encoder


def reference(name, pool, folder, values):
    """What transformers' own class for it gives."""
    with torch.no_grad():
        if name in ('clap', 'fused'):
            model = transformers.ClapModel.from_pretrained(folder).eval()
            # the clips are not longer than the model's seconds
            pooled = model.audio_model(
                input_features=values,
                is_longer=torch.zeros(len(values), 1, dtype=torch.bool))
            return model.audio_projection(pooled.pooler_output)
        if name == 'ast':
            outputs = transformers.ASTModel.from_pretrained(folder).eval()(
                values)
            tokens = outputs.last_hidden_state
            return dict(pooler=outputs.pooler_output, cls=tokens[:, 0],
                        mean=tokens[:, 2:].mean(1))[pool]
        if name == 'whisper':
            model = transformers.WhisperModel.from_pretrained(folder).eval()
            return model.encoder(values).last_hidden_state.mean(1)
        model = transformers.Wav2Vec2Model.from_pretrained(folder).eval()
        return model(values).last_hidden_state.mean(1)


@pytest.mark.parametrize('name, pool, dims', POOLS)
def test_equals_transformers(folders, name, pool, dims):
    folder = folders[name]
    encoder = MODELS.build(
        dict(type='TransformersAudioEncoder', pretrained=folder, pool=pool))
    assert encoder.embed_dims == dims  # before the weights are there
    assert encoder.input_key == 'audio_values'
    values = inputs_of(folder)
    random = encoder(values)
    encoder.init_weights()
    found = encoder(values)
    assert found.shape == (3, dims) and torch.isfinite(found).all()
    assert (found - random).abs().max() > 1e-3
    expected = reference(name, pool, folder, values)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    # sounds differ, and none depends on the others of its batch
    assert (found[0] - found[1]).abs().max() > 1e-3
    assert (found[1] - found[2]).abs().max() > 1e-3
    torch.testing.assert_close(
        encoder(values[1:2]), found[1:2], atol=1e-5, rtol=1e-4)


def test_checkpoints_are_complete(folders, tmp_path):
    """Testing needs the folder's JSON files, and no weights."""
    encoder = build(folders['ast'])
    nn.Sequential(encoder).train()  # frozen
    assert not any(module.training for module in encoder.modules())
    assert not any(p.requires_grad for p in encoder.parameters())
    state = {f'audio.{k}': v for k, v in encoder.state_dict().items()}
    folder = shutil.copytree(folders['ast'], tmp_path / 'json')
    (folder / 'model.safetensors').unlink()
    other = nn.ModuleDict(
        dict(audio=TransformersAudioEncoder(pretrained=str(folder))))
    load_state_dict(other, state, strict=False)
    values = inputs_of(folders['ast'])
    assert torch.equal(other['audio'](values), encoder(values))
    with pytest.raises(OSError, match=r'model\.safetensors'):
        other['audio'].init_weights()


def test_checkpoint_with_other_names_is_refused(folders):
    """Loading is not strict: random weights would stay."""
    encoder = build(folders['ast'])
    model = nn.ModuleDict(dict(audio=encoder))
    state = {f'audio.{k}': v for k, v in encoder.state_dict().items()}
    key = next(k for k in state if k.endswith('cls_token'))
    state['audio.model.old_name'] = state.pop(key)
    with pytest.raises(
            RuntimeError, match=r'model\.\*.*(cls_token|old_name).*version'):
        load_state_dict(model, state, strict=False)
    # one without the encoder is a start from elsewhere
    load_state_dict(model, {'backbone.weight': torch.zeros(1)}, strict=False)


def test_an_id_of_the_hub(folders, tmp_path, monkeypatch):
    """As a folder; read from transformers' cache, without a network."""
    cache = tmp_path / 'models--me--ast'
    shutil.copytree(folders['ast'], cache / 'snapshots' / 'abc')
    (cache / 'refs').mkdir()
    (cache / 'refs' / 'main').write_text('abc')
    hub = 'huggingface_hub.constants.HF_HUB_'
    monkeypatch.setattr(f'{hub}CACHE', str(tmp_path))
    monkeypatch.setattr(f'{hub}OFFLINE', True)
    found, expected = (build(name).state_dict()
                       for name in ('me/ast', folders['ast']))
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_a_pool_that_a_model_has_not(folders):
    with pytest.raises(ValueError, match="one of .'pooler'., but got 'mean"):
        TransformersAudioEncoder(folders['clap'], pool='mean')
