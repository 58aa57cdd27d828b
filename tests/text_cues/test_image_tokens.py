# Copyright (c) mmteso contributors. All rights reserved.
"""LLaVA's processor and model count an image's tokens alike."""
import json
import logging
import shutil

import numpy as np
import pytest
from PIL import Image
from tiny_hf import IMAGE_SIZE, PATCH_SIZE

from mmteso.text_cues import CAPTIONERS, Frame, LoadedFrame, image_tokens

SETTINGS = ('patch_size', 'num_additional_image_tokens',
            'vision_feature_select_strategy')
MISSING = 'missing'


@pytest.fixture
def warnings(monkeypatch):
    """The warnings about the processor's settings."""
    said = []

    def print_log(message, logger, level):
        assert level == logging.WARNING
        said.append(message)

    monkeypatch.setattr(image_tokens, 'print_log', print_log)
    return said


@pytest.fixture
def copy_with(tmp_path):
    """Copies a model, with other settings of its processor."""

    def copy(folder, **settings):
        number = len(list(tmp_path.iterdir()))
        path = shutil.copytree(folder, tmp_path / f'copy{number}')
        file = path / 'processor_config.json'
        config = dict(json.loads(file.read_text()), **settings)
        file.write_text(
            json.dumps({
                name: value
                for name, value in config.items() if value != MISSING
            }))
        return path

    return copy


def captions(folder, **kwargs):
    captioner = CAPTIONERS.build(
        dict(
            type='TransformersCaptioner',
            model=str(folder),
            generation=dict(max_new_tokens=12),
            **kwargs))
    rng = np.random.default_rng(0)
    frames = [
        LoadedFrame(
            Frame('clip', i, f'{i}.png'),
            (Image.fromarray(rng.integers(0, 256, size, np.uint8)), ))
        for i, size in enumerate([(30, 40, 3), (60, 28, 3)])
    ]
    found = captioner.caption(frames)
    # the images reach the answers
    assert found[0] != found[1]
    return found


def test_right_settings_are_kept(llava, warnings):
    captions(llava)
    assert not warnings


@pytest.mark.parametrize('settings', [
    dict.fromkeys(SETTINGS, MISSING),
    dict.fromkeys(SETTINGS),
    dict(num_additional_image_tokens=MISSING),
    dict(vision_feature_select_strategy='full'),
    dict(patch_size=7),
],
                         ids=str)
def test_other_settings_than_the_model_has(llava, copy_with, warnings,
                                           settings):
    assert captions(copy_with(llava, **settings)) == captions(llava)
    warning, = warnings
    assert '"copy0"' in warning
    # those that it had right aren't named
    assert [name for name in SETTINGS if name in warning] == list(settings)


def test_without_a_config_of_the_processor(llava, copy_with, warnings):
    """Where only image processor and tokenizer were saved."""
    folder = copy_with(llava)
    (folder / 'processor_config.json').unlink()
    assert captions(folder) == captions(llava)
    assert len(warnings) == 1


def test_a_tower_without_class_token(llava, copy_with, warnings):
    """SigLIP's, with the settings that belong to CLIP's."""
    import torch
    from transformers import (LlavaConfig, LlavaForConditionalGeneration,
                              SiglipVisionConfig)
    right = copy_with(
        llava,
        num_additional_image_tokens=0,
        vision_feature_select_strategy='full')
    config = LlavaConfig.from_pretrained(right)
    config.vision_config = SiglipVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE)
    config.vision_feature_select_strategy = 'full'
    torch.manual_seed(0)
    LlavaForConditionalGeneration(config).save_pretrained(right)
    expected = captions(right)
    assert not warnings
    wrong = copy_with(
        right,
        num_additional_image_tokens=1,
        vision_feature_select_strategy='default')
    assert captions(wrong) == expected
    warning, = warnings
    assert 'num_additional_image_tokens: 1 -> 0' in warning
    assert "vision_feature_select_strategy: 'default' -> 'full'" in warning
