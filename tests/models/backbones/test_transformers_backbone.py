# Copyright (c) mmteso contributors. All rights reserved.
import copy
import shutil
from pathlib import Path

import pytest
import torch
from backbones import HF
from mmengine.runner import load_checkpoint
from mmengine.runner.checkpoint import load_state_dict
from mmseg.registry import MODELS
from safetensors.torch import load_file, save_file
from tiny_hf import widen
from torch import nn

from mmteso.models import TransformersBackbone, inject_adapters

transformers = pytest.importorskip(
    'transformers', reason="needs pip install 'mmteso[text]'")


def shapes_of(model_type):
    """Sides of the maps of 65 x 97 pixels."""
    if 'patch_size' in HF[model_type]:
        return [(8, 12)] * 4
    if 'convnext' in model_type:
        return [(16, 24), (8, 12), (4, 6), (2, 3)]
    return [(17, 25), (9, 13), (5, 7), (3, 4)]


def build(model_type, folder=None, **kwargs):
    if model_type in ('dinov3_convnext', 'dinov3_vit') \
            and model_type not in transformers.CONFIG_MAPPING:
        pytest.skip(f'transformers has no {model_type} yet')
    if folder is not None:
        kwargs.update(init_cfg=dict(type='Pretrained', checkpoint=str(folder)))
    torch.manual_seed(0)
    settings = dict(model_type=model_type, config=HF[model_type])
    return MODELS.build(
        dict(dict(settings, type='TransformersBackbone'), **kwargs))


def images(*size):
    rng = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, *size, generator=rng)


def write(folder, model_type, head='ForImageClassification', **fields):
    """A folder like the Hub's, with the weights of a classifier."""
    config = transformers.AutoConfig.for_model(
        model_type, **dict(HF[model_type], **fields))
    name = type(config).__name__.replace('Config', head)
    widen(getattr(transformers, name)(config)).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp('convnext'), 'convnext')


@pytest.mark.parametrize('model_type', HF)
def test_equals_transformers(model_type):
    """Its maps; and each parameter that trains gets a gradient."""
    backbone = widen(build(model_type)).eval()
    config = transformers.AutoConfig.for_model(model_type, **HF[model_type])
    config.out_features = ['stage1', 'stage2', 'stage3', 'stage4']
    stock = transformers.AutoBackbone.from_config(config).eval()
    stock.load_state_dict(backbone.model.state_dict())
    maps = backbone(images(65, 97))
    with torch.no_grad():
        expected = stock(images(65, 97)).feature_maps
    assert isinstance(maps, tuple) and len(maps) == len(expected) == 4
    for ours, theirs in zip(maps, expected):
        torch.testing.assert_close(ours, theirs)
        assert ours.std() > 0.01 and ours.is_contiguous()
    assert [tuple(m.shape[2:]) for m in maps] == shapes_of(model_type)
    assert tuple(m.shape[1] for m in maps) == backbone.out_channels
    # DistributedDataParallel waits for those that get none
    sum(m.square().mean() for m in backbone.train()(images(64, 64))).backward()
    for name, parameter in backbone.named_parameters():
        assert parameter.requires_grad == (parameter.grad is not None), name
    trained = sum(p.requires_grad for p in backbone.parameters())
    assert trained >= len(list(backbone.parameters())) - 2


def test_with_cp_has_the_same_gradients():
    gradients, calls = [], []
    for with_cp in (False, True):
        backbone = build('dinov2', with_cp=with_cp).train()
        seen = []
        backbone.model.encoder.layer[1].norm1.register_forward_pre_hook(
            lambda *_, seen=seen: seen.append(1))
        sum(m.square().mean() for m in backbone(images(64, 64))).backward()
        calls.append(len(seen))
        gradients.append([p.grad for p in backbone.parameters()])
    assert calls == [1, 2]
    for plain, recomputed in zip(*gradients):
        torch.testing.assert_close(plain, recomputed)


@pytest.mark.parametrize('model_type',
                         ['convnext', 'swin', 'dinov2', 'beit', 'resnet'])
@torch.no_grad()
def test_reads_a_classifiers_folder(tmp_path, model_type):
    folder = write(tmp_path, model_type)
    backbone = build(model_type, folder)
    assert not backbone.is_init  # weights are read when training starts
    before = copy.deepcopy(backbone.state_dict())
    backbone.init_weights()
    stock = type(backbone.model).from_pretrained(
        folder, out_features=['stage1', 'stage2', 'stage3', 'stage4'],
        local_files_only=True).eval()
    expected = stock(images(64, 64)).feature_maps
    for ours, theirs in zip(backbone.eval()(images(64, 64)), expected):
        assert torch.equal(ours, theirs)
    kept = [key for key, value in backbone.state_dict().items()
            if torch.equal(value, before[key])]
    assert all('hidden_states_norms' in key or 'num_batches' in key
               or 'running' in key or 'position_ind' in key
               for key in kept), kept


@torch.no_grad()
def test_a_checkpoint_needs_no_folder(folder, tmp_path):
    """And mmengine's init_weights of a segmentor changes nothing."""
    config = dict(
        type='EncoderDecoder',
        backbone=dict(type='TransformersBackbone', model_type='convnext',
                      config=HF['convnext'],
                      init_cfg=dict(type='Pretrained', checkpoint=folder)),
        decode_head=dict(type='FCNHead', in_channels=64, in_index=3,
                         channels=8, num_classes=2))
    model = MODELS.build(config).eval()
    model.init_weights()
    stored = load_file(Path(folder) / 'model.safetensors')
    key = 'embeddings.patch_embeddings.weight'
    assert torch.equal(model.backbone.model.state_dict()[key],
                       stored[f'convnext.{key}'])
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'epoch_1.pth')
    config['backbone']['init_cfg']['checkpoint'] = 'checkpoints/nowhere'
    again = MODELS.build(config).eval()
    load_checkpoint(
        again, str(tmp_path / 'epoch_1.pth'), strict=True, logger='silent')
    assert torch.equal(model(images(64, 64), mode='tensor'),
                       again(images(64, 64), mode='tensor'))


def test_weights_of_another_network(folder, tmp_path):
    backbone = build('convnext', 'checkpoints/nowhere')  # building needs none
    with pytest.raises(FileNotFoundError, match="'checkpoints/nowhere'"):
        backbone.init_weights()
    build('convnext').model.config.save_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match='no model.safetensors'):
        build('convnext', tmp_path).init_weights()
    with pytest.raises(ValueError, match="'model_type': .'convnextv2', 'con"):
        build('convnextv2', folder).init_weights()
    other = dict(HF['convnext'], depths=[1, 1, 1, 1])
    with pytest.raises(
            ValueError, match=r"'depths': \(\[1, 1, 1, 1\], \[1, 1, 2, 1\]"):
        build('convnext', folder, config=other).init_weights()
    small = write(tmp_path / 'small', 'dinov2', image_size=32)
    with pytest.raises(RuntimeError, match='its image_size is 32, .* 64'):
        build('dinov2', small).init_weights()


def test_weights_that_are_not_whole(folder, tmp_path):
    shutil.copy(Path(folder, 'config.json'), tmp_path)
    state = load_file(Path(folder) / 'model.safetensors')
    del state['convnext.encoder.stages.2.layers.1.dwconv.weight']
    save_file(state, tmp_path / 'model.safetensors', dict(format='pt'))
    with pytest.raises(
            ValueError, match='lack 1 parameters of ConvNextBackbone, e.g. '
            'encoder.stages.2.layers.1.dwconv.weight'):
        build('convnext', tmp_path).init_weights()


def test_a_checkpoint_of_other_names():
    """Transformers 5 renamed layers; mmengine would only warn."""
    backbone = nn.Module()
    backbone.backbone = build('dinov2')
    state = backbone.state_dict()
    other = {key.replace('layer.0.attention', 'layer.0.self_attention'): value
             for key, value in state.items()}
    with pytest.raises(
            RuntimeError, match='layer.0.attention.* are missing or unknown'):
        load_state_dict(backbone, other, strict=False)
    load_state_dict(backbone, {'backbone.conv1.weight': torch.ones(1)})
    inject_adapters(backbone.backbone, ['global'])
    load_state_dict(backbone, state)


@pytest.mark.parametrize('arguments, message', [
    (dict(model_type='vit', config={}), r"no backbone 'vit'; it has \['beit"),
    (dict(config=dict(dims=[8])), r"ConvNextConfig has no fields \['dims'\]"),
    (dict(config=dict(out_features=['stage4'])), 'out_indices says'),
    (dict(out_indices=(0, 4)), 'ascending and among 0 to 3'),
    (dict(out_indices=(3, 1)), 'ascending'),
    (dict(with_cp=True), "can't recompute 'convnext'"),
    (dict(init_cfg=dict(type='Normal')), 'type Pretrained'),
])
def test_wrong_arguments(arguments, message):
    settings = dict(model_type='convnext', config=HF['convnext'])
    with pytest.raises(ValueError, match=message):
        TransformersBackbone(**dict(settings, **arguments))


def test_maps_that_are_not_what_transformers_says():
    """FocalNet's are taken after downsampling."""
    backbone = TransformersBackbone('focalnet',
                                    dict(embed_dim=8, depths=[1, 1, 2, 1],
                                         hidden_sizes=[8, 16, 32, 64]))
    with pytest.raises(RuntimeError, match=r'\(8, 16, 32, 64\) channels, but '
                       r'they have \(16, 32, 64, 64\)'):
        backbone(images(64, 64))
