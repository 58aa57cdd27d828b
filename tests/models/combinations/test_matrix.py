# Copyright (c) mmteso contributors. All rights reserved.
"""Every head on every backbone that it makes sense on, on real tiny data."""
import copy

import pytest
import torch
from backbones import SIZE
from combinations import PAIRS, pair_model
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import load_checkpoint, save_checkpoint
from mmseg.registry import DATASETS
from narrow import KEEP_ALL, load
from narrow import build as build_model

from mmteso.engine import audio_conditions_dataloader
from mmteso.testbeds.synthavs import generate_synthavs


@pytest.fixture(scope='module')
def batches(tmp_path_factory):
    """A training batch, and a test batch with its sound and without."""
    init_default_scope('mmseg')
    root = str(tmp_path_factory.mktemp('matrix') / 'synthavs')
    generate_synthavs(root, videos=13, frames=2, size=SIZE, seed=1)
    cfg = load('combinations/fusion-upernet_swin_synthavs.py')

    def read(loader):
        dataset = loader['dataset']
        dataset.update(data_root=root, serialize_data=False)
        frames = DATASETS.build(dataset)
        return pseudo_collate([frames[0], frames[2]])

    return dict(
        train=read(cfg.train_dataloader),
        normal=read(copy.deepcopy(cfg.test_dataloader)),
        mute=read(audio_conditions_dataloader(cfg.test_dataloader, ['mute'])))


def build(head, backbone, seed=0):
    cfg = pair_model(head, backbone)
    cfg['prompt_encoder']['dynamic_mask']['threshold'] = KEEP_ALL
    return build_model(cfg, seed)


def predict(model, batch):
    return model.eval().test_step(copy.deepcopy(batch))


def maps(samples):
    return torch.stack([sample.seg_logits.data for sample in samples])


@pytest.mark.parametrize('head, backbone', PAIRS,
                         ids=['-'.join(pair) for pair in PAIRS])
def test_pair(head, backbone, batches, tmp_path):
    model = build(head, backbone)
    if model.fusion is not None:
        # untrained, the host doesn't hear
        torch.testing.assert_close(maps(predict(model, batches['normal'])),
                                   maps(predict(model, batches['mute'])),
                                   rtol=0, atol=0)

    # two steps: the first moves what is zero at the start away from it
    optimizer = OptimWrapper(
        torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0))
    before = {name: parameter.detach().clone()
              for name, parameter in model.named_parameters()
              if parameter.requires_grad}
    felt = set()
    for name in before:
        model.get_parameter(name).register_hook(
            lambda _, name=name: felt.add(name))
    for _ in range(2):
        losses = model.train().train_step(
            copy.deepcopy(batches['train']), optimizer)
        assert torch.isfinite(losses['loss'])
    # Distributed training needs a gradient for each. A backbone has layers
    # for levels that a head may not read; that is as in mmseg.
    assert felt >= {name for name in before if not name.startswith('backbone')}
    for part in ('prompt_encoder', 'fusion', 'decode_head'):
        still = [name for name, value in before.items()
                 if name.startswith(part)
                 and torch.equal(model.get_parameter(name), value)]
        assert not still

    normal = predict(model, batches['normal'])
    mute = predict(model, batches['mute'])
    for sample in (*normal, *mute):
        assert sample.seg_logits.data.shape == (2, SIZE, SIZE)
        assert torch.isfinite(sample.seg_logits.data).all()
        assert sample.pred_sem_seg.data.shape == (1, SIZE, SIZE)
        score = sample.sounding_score.data
        assert score.min() >= 0 and score.max() <= 1
    assert not torch.equal(maps(normal), maps(mute))

    path = str(tmp_path / 'model.pth')
    save_checkpoint(dict(state_dict=model.state_dict()), path)
    other = build(head, backbone, seed=1)
    load_checkpoint(other, path, strict=True, map_location='cpu')
    assert torch.equal(maps(predict(other, batches['normal'])), maps(normal))
