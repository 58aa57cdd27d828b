# Copyright (c) mmteso contributors. All rights reserved.
import json
import shutil
from pathlib import Path

import pytest
import torch
from tiny_sam import DECODER, VISION, write_sam

from mmteso.models.sam import (check_structure, make_config,
                               read_sam_folder)

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_sam(tmp_path_factory.mktemp('sam'))


@pytest.fixture
def own_folder(folder, tmp_path):
    shutil.copytree(folder, tmp_path / 'sam')
    return tmp_path / 'sam'


def test_make_config():
    config = make_config('SamVisionConfig')
    assert (config.hidden_size, config.num_hidden_layers) == (768, 12)
    assert config._attn_implementation == 'sdpa'
    config = make_config('SamMaskDecoderConfig', DECODER)
    assert config.hidden_size == 32 and config.layer_norm_eps == 1e-5
    with pytest.raises(ValueError,
                       match=r"no fields \['hiden_size'\].*'hidden_size'"):
        make_config('SamVisionConfig', dict(hiden_size=16))


def test_read_sam_folder(folder):
    model = read_sam_folder(folder)
    assert type(model).__name__ == 'SamModel'
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    again = write_sam(Path(folder) / 'again')
    for a, b in zip(model.parameters(), read_sam_folder(again).parameters()):
        assert torch.equal(a, b)


def test_half_precision_is_read_as_float32(own_folder):
    read_sam_folder(str(own_folder)).half().save_pretrained(own_folder)
    model = read_sam_folder(str(own_folder))
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError,
                       match='sam_vit_b_01ec64.pth .*sam_to_transformers'):
        read_sam_folder('facebook/sam-vit-base')  # nor is the Hub asked
    path = tmp_path / 'sam_vit_b_01ec64.pth'
    path.touch()
    with pytest.raises(ValueError, match='is a file. Convert'):
        read_sam_folder(str(path))


def test_folder_without_weights(own_folder):
    (own_folder / 'model.safetensors').unlink()
    with pytest.raises(FileNotFoundError, match='weights are not in'):
        read_sam_folder(str(own_folder))


def test_another_model(own_folder):
    path = own_folder / 'config.json'
    config = json.loads(path.read_text())
    path.write_text(json.dumps(dict(config, model_type='sam2')))
    with pytest.raises(ValueError, match="type 'sam2', not a SAM"):
        read_sam_folder(str(own_folder))


@pytest.mark.parametrize('missing', [True, False])
def test_weights_that_are_not_whole(own_folder, missing):
    from safetensors.torch import load_file, save_file
    path = own_folder / 'model.safetensors'
    weights = load_file(path)
    key = 'mask_decoder.iou_token.weight'
    if missing:
        del weights[key]
    else:
        key = 'vision_encoder.layers.7.attn.proj.bias'
        weights[key] = torch.zeros(16)
    save_file(weights, path, metadata=dict(format='pt'))
    kind = 'missing_keys' if missing else 'unexpected_keys'
    with pytest.raises(ValueError, match=f"whole SAM: .*{kind}.*{key}"):
        read_sam_folder(str(own_folder))


def test_check_structure():
    config = make_config('SamVisionConfig', VISION)
    same = dict(VISION, image_size=512, layer_norm_eps=1e-3,
                initializer_range=1.0, global_attn_indexes=(1, ))
    check_structure(config, make_config('SamVisionConfig', same), 'sam', 'x')
    for key, value in (('num_attention_heads', 4), ('hidden_act', 'relu'),
                       ('window_size', 4), ('global_attn_indexes', [1, 2])):
        other = make_config('SamVisionConfig', dict(VISION, **{key: value}))
        with pytest.raises(ValueError) as error:
            check_structure(config, other, 'the/folder', 'vision_config')
        message = str(error.value)
        assert '"the/folder"' in message
        assert f"{{'{key}': (" in message and 'Set vision_config' in message
