# Copyright (c) mmteso contributors. All rights reserved.
"""configs/teso with other backbones."""
import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS
from narrow import CallHook, load, narrow_config, shapes_without_memory

from mmteso.models import BottleneckAdapter

# Where a Mask2Former is published, everything but the backbone is as in
# teso_swin-b_v1m.py; elsewhere the decoders train.
MASK2FORMER = ('swin-s', 'swin-l', 'r101')
# millions of parameters: of the backbone without adapters, as published with
# its classifier left out; of all that trains; number of adapters
NEW_DECODER = {
    'pvtv2-b2': (24.85, 41.5, 3 + 4 + 6 + 3),
    'pvtv2-b5': (81.44, 43.3, 3 + 6 + 40 + 3),
    'mit-b2': (24.20, 41.5, 3 + 4 + 6 + 3),
    'vit-b': (86.1, 51.9, 12),
    'beit-b': (85.8, 51.9, 12),
    'convnext-b': (87.57, 128.6, 0)
}
BACKBONES = (*MASK2FORMER, *NEW_DECODER)
TRANSFORMERS = ('beit-b', 'convnext-b')


def config_of(backbone) -> Config:
    if backbone in TRANSFORMERS:
        pytest.importorskip('transformers')
    return load(f'teso/teso_{backbone}_v1m.py')


@pytest.mark.parametrize('backbone', BACKBONES)
def test_nothing_else_differs(backbone):
    """The data, and SeDAM, PMQS and the losses are those of the Swin-B."""
    config, plain = config_of(backbone), load('teso/teso_swin-b_v1m.py')
    for split in ('train', 'val', 'test'):
        key = f'{split}_dataloader'
        assert config[key] == plain[key]
    ours, theirs = (copy.deepcopy(c.model) for c in (config, plain))
    free = ['backbone', 'adapters', 'frozen', 'neck', 'data_preprocessor']
    for model in (ours, theirs):
        for name in free:
            model.pop(name, None)
        model.decode_head.pop('in_channels')
    assert ours == theirs
    assert config.train_cfg == plain.train_cfg
    assert config.param_scheduler == plain.param_scheduler
    assert config.optim_wrapper.optimizer == plain.optim_wrapper.optimizer
    if backbone in MASK2FORMER:
        assert config.optim_wrapper == plain.optim_wrapper
        assert config.model.frozen == plain.model.frozen
        assert f'mask2former_{backbone}' in config.load_from
        assert 'ade20k' in config.load_from
    else:
        assert config.load_from is None
        assert config.model.backbone.init_cfg.type == 'Pretrained'


@pytest.mark.parametrize('backbone', BACKBONES)
def test_at_full_size(backbone):
    """What the pixel decoder gets is a pyramid of the channels it expects;
    the parameters are as many as published."""
    config = config_of(backbone).model
    init_default_scope('mmseg')
    with shapes_without_memory():
        model = MODELS.build(config)
    size = config.data_preprocessor.size[0]
    maps = model.extract_feat(torch.empty(1, 3, size, size, device='meta'))
    assert [m.shape[1] for m in maps] == config.decode_head.in_channels
    assert [size // m.shape[2] for m in maps] == config.decode_head.strides
    if backbone in MASK2FORMER:  # numbers: test_configs.py
        return
    published, trained, adapted = NEW_DECODER[backbone]
    adapters = [m for m in model.modules() if isinstance(m, BottleneckAdapter)]
    assert len(adapters) == adapted
    added = sum(p.numel() for m in adapters for p in m.parameters())
    count = sum(p.numel() for p in model.backbone.parameters()) - added
    assert count / 1e6 == pytest.approx(published, rel=0.005)
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert count / 1e6 == pytest.approx(trained, rel=0.005)


@pytest.mark.parametrize(
    'backbone', [b for b in BACKBONES if b not in ('swin-l', 'pvtv2-b5')])
def test_trains_and_tests(backbone, v1m, tmp_path):
    """One step; what trains, at which rate, and what stays."""
    config = narrow_config(config_of(backbone), v1m, tmp_path)
    runner = Runner.from_cfg(config)
    start, rates = {}, {}

    def remember(runner):
        start.update(copy.deepcopy(runner.model.state_dict()))
        names = {id(p): n for n, p in runner.model.named_parameters()}
        for group in runner.optim_wrapper.optimizer.param_groups:
            for parameter in group['params']:
                rates[names[id(parameter)]] = group['lr']

    runner.register_hook(CallHook(before_train_iter=remember))
    runner.train()
    model = runner.model
    for name, parameter in model.named_parameters():
        adapter = '.adapter.' in name
        if backbone in MASK2FORMER:
            frozen = not (adapter or name.startswith(
                ('prompt_encoder', 'decode_head.pmqs',
                 'decode_head.cls_embed')))
            slow = name.startswith('backbone')
        else:
            frozen = name.startswith(('backbone.', 'audio_encoder.')) \
                and not adapter and backbone != 'convnext-b'
            slow = name.startswith(('backbone', 'neck', 'decode_head')) \
                and not name.startswith(
                    ('decode_head.pmqs', 'decode_head.cls_embed'))
        assert parameter.requires_grad != frozen, name
        assert (name in rates) != frozen, name
        if frozen:
            assert torch.equal(parameter, start[name]), name
        else:
            # the warm-up begins at a hundredth
            rate = (1e-4 if slow else 1e-3) / 100
            assert rates[name] == pytest.approx(rate), name
    for name in ('decode_head.cls_embed.weight', 'decode_head.query_feat.'
                 'weight', 'decode_head.pixel_decoder.mask_feature.weight'):
        moved = not torch.equal(model.state_dict()[name], start[name])
        assert moved == ('cls' in name or backbone not in MASK2FORMER), name
    assert any(
        not torch.equal(model.state_dict()[name], start[name])
        for name in start if name.startswith('backbone.')
    ) == (backbone != 'r101')
    assert {'J', 'F'} <= set(runner.test())
