# Copyright (c) mmteso contributors. All rights reserved.
"""The config on tiny data: a step, a checkpoint, predictions."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint, save_checkpoint
from mmseg.registry import DATASETS, MODELS

from mmteso.engine import insert_audio_conditions
from mmteso.testbeds.synthavs import generate_synthavs
from mmteso_example import LogMelConv

CONFIG = Path(__file__).parents[1] / 'configs' / 'teso-conv_r18_synthavs.py'


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    """The config, with a SynthAVS of three small videos."""
    config = Config.fromfile(CONFIG)
    init_default_scope(config.default_scope)
    root = str(tmp_path_factory.mktemp('data') / 'synthavs')
    generate_synthavs(root, videos=3, frames=2, size=64)
    for loader in (config.train_dataloader, config.test_dataloader):
        loader.dataset.data_root = root
    return config


def build_model(config, seed=0):
    torch.manual_seed(seed)
    model = MODELS.build(config.model)
    model.init_weights()
    return model


def read_batch(config, split, condition='normal'):
    """Two frames, as a data loader gives them."""
    dataset = config[f'{split}_dataloader'].dataset.copy()
    dataset.pipeline = insert_audio_conditions(dataset.pipeline, [condition])
    frames = DATASETS.build(dataset)
    return pseudo_collate([frames[0], frames[1]])


def predict(model, batch):
    """Each frame's score map, (B, 1, H, W)."""
    model.eval()
    with torch.no_grad():
        samples = model.test_step(batch)
    return torch.stack([sample.sounding_score.data for sample in samples])


def test_encoder_and_prompt_encoder_agree(config):
    model = build_model(config)
    assert isinstance(model.audio_encoder, LogMelConv)
    assert model.prompt_encoder.audio_dims == model.audio_encoder.embed_dims
    assert config.custom_imports.imports == ['mmteso', 'mmteso_example']


def test_training_reaches_the_encoder(config):
    model = build_model(config).train()
    data = model.data_preprocessor(read_batch(config, 'train'), training=True)
    loss, _ = model.parse_losses(model(**data, mode='loss'))
    loss.backward()
    for name, parameter in model.audio_encoder.named_parameters():
        assert parameter.grad.abs().max() > 0, name


def test_a_checkpoint_holds_the_encoder(config, tmp_path):
    path = str(tmp_path / 'model.pth')
    model, other = build_model(config), build_model(config, seed=1)
    batch = read_batch(config, 'test')
    expected = predict(model, batch)
    assert not torch.equal(predict(other, batch), expected)
    save_checkpoint(dict(state_dict=model.state_dict()), path)
    load_checkpoint(other, path, strict=True)
    assert torch.equal(predict(other, batch), expected)


def test_a_prediction_hears(config):
    """Normal and muted sound differ, and arrive at the encoder as such."""
    model = build_model(config)
    heard = []
    model.audio_encoder.register_forward_hook(
        lambda module, inputs, output: heard.append(output))
    normal = predict(model, read_batch(config, 'test'))
    muted = predict(model, read_batch(config, 'test', 'mute'))
    assert torch.equal(heard[1], torch.zeros(2, 128))
    assert heard[0].norm() > 0
    assert normal.shape == muted.shape == (2, 1, 64, 64)
    assert torch.isfinite(normal).all()
    assert not torch.equal(normal, muted)
