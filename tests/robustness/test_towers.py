# Copyright (c) mmteso contributors. All rights reserved.
"""Towers from files are float32, and what is fixed in them never trains."""
import json
from pathlib import Path

import pytest
import tiny_audio
import torch
from mmseg.registry import MODELS
from narrow import build


def halve(folder):
    """Turn a folder's weights to half precision, as many files hold them."""
    from safetensors.torch import load_file, save_file
    path = Path(folder, 'model.safetensors')
    save_file({name: value.half() if value.is_floating_point() else value
               for name, value in load_file(path).items()},
              path, dict(format='pt'))
    config = Path(folder, 'config.json')
    config.write_text(json.dumps(dict(json.loads(config.read_text()),
                                      dtype='float16', torch_dtype='float16')))
    return str(folder)


def half_audio(folder):
    return dict(type='TransformersAudioEncoder',
                pretrained=halve(tiny_audio.write_whisper(folder)))


def half_sam(folder):
    from tiny_sam import VISION, write_sam
    return dict(
        type='SAMImageEncoder', img_size=64, vision_config=dict(VISION),
        init_cfg=dict(type='Pretrained', checkpoint=halve(write_sam(folder))))


def half_backbone(folder):
    transformers = pytest.importorskip('transformers')
    config = dict(hidden_sizes=[8, 16, 32, 64], depths=[1, 1, 2, 1])
    transformers.ConvNextForImageClassification(
        transformers.ConvNextConfig(**config)).save_pretrained(folder)
    return dict(
        type='TransformersBackbone', model_type='convnext', config=config,
        init_cfg=dict(type='Pretrained', checkpoint=halve(folder)))


def half_clap(folder):
    from tiny_zero_shot import write_clap
    return dict(type='CLAPCueScorer', pretrained=halve(write_clap(folder)))


@pytest.mark.parametrize('write', [
    half_audio, half_sam, half_backbone, half_clap])
def test_towers_are_float32(write, tmp_path):
    """Whatever the file holds, and whatever transformers makes of it."""
    pytest.importorskip('transformers')
    module = MODELS.build(write(tmp_path))
    module.init_weights()
    types = {name: value.dtype for name, value in module.state_dict().items()
             if value.is_floating_point()}
    assert types and set(types.values()) == {torch.float32}


def test_sam_positions_never_train():
    """Its Fourier matrix, a parameter in transformers 5."""
    model = build('teso-sam/teso-sam_vit-b_v1m.py').train()
    assert 'positional_embedding' in dict(model.decode_head.named_buffers())
    assert not any('positional_embedding' in name or 'shared_' in name
                   for name, _ in model.named_parameters())
