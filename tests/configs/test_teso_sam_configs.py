# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from meta_sam import reference
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS
from narrow import CONFIGS, load, narrow_config

from mmteso.testbeds.synthavs import generate_synthavs

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")

NAMES = sorted(path.name for path in (CONFIGS / 'teso-sam').glob('*.py'))
VIT_B = [f'teso-sam_vit-b_{s}.py' for s in ('avss-binary', 'v1m', 'v1s')]
TINY = 'teso-sam_tiny_synthavs.py'


def config_of(name):
    return load(f'teso-sam/{name}')


@pytest.mark.parametrize('name', NAMES)
def test_image_sizes_agree(name):
    """Of the encoder, the padding and all pipelines."""
    config = config_of(name)
    size = (config.model.backbone.img_size, ) * 2
    assert size == ((96, 96) if name == TINY else (1024, 1024))
    preprocessor = config.model.data_preprocessor
    assert preprocessor.size == preprocessor.test_cfg.size == size
    pipelines = [
        config[f'{split}_dataloader'].dataset.pipeline
        for split in ('train', 'val', 'test')
    ] + [config.tta_pipeline, config.train_pipeline, config.test_pipeline]
    for pipeline in pipelines:
        scales = [step.scale for step in pipeline if step.type == 'Resize']
        assert scales == ([] if name == TINY else [size])


def test_normalisation_is_sams():
    preprocessor = config_of(VIT_B[0]).model.data_preprocessor
    assert preprocessor.bgr_to_rgb
    for key in ('mean', 'std'):
        theirs = reference()[f'pixel_{key}']
        assert list(preprocessor[key]) == pytest.approx(theirs)


# ---------------------------------------------------------------- full size
@pytest.mark.parametrize('name', [VIT_B[0], TINY])
def test_builds_at_full_size(name):
    """On the meta device: shapes without memory."""
    init_default_scope('mmseg')
    with torch.device('meta'):
        model = MODELS.build(config_of(name).model)
    millions = sum(p.numel() for p in model.parameters()) / 1e6
    trainable = sum(
        p.numel() for p in model.parameters() if p.requires_grad) / 1e6
    # SAM ViT-B without its prompt encoder (93.7) + VGGish (72.1) + SeDAM
    # (18.1), PMQS (2.9) and adapters
    total, new = (1.94, 1.9) if name == TINY else (190.5, 24.7)
    assert millions == pytest.approx(total, rel=0.01)
    assert trainable == pytest.approx(new, rel=0.01)


def test_absent_weights_are_named_when_training_starts():
    init_default_scope('mmseg')
    config = config_of(VIT_B[0]).model.decode_head
    config.init_cfg.checkpoint = 'checkpoints/nowhere'
    head = MODELS.build(config)
    with pytest.raises(FileNotFoundError, match='checkpoints/nowhere'):
        head.init_weights()


# ---------------------------------------------------------------- one step
def test_tiny_trains_and_tests(tmp_path):
    """tests/models/test_teso_sam.py does it with the other model."""
    root = str(tmp_path / 'data')
    generate_synthavs(root, videos=3, frames=2, size=64)
    config = narrow_config(config_of(TINY), root, tmp_path / 'work')
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.iter == 1
    for key, value in runner.model.state_dict().items():
        assert torch.isfinite(value).all(), key
    assert len(list((tmp_path / 'work').glob('best_*.pth'))) == 1
    assert {'J', 'F', 'J_part'} <= set(runner.test())
