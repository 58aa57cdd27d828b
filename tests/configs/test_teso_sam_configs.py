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


def test_all_promised_configs_are_there():
    assert NAMES == sorted([*VIT_B, TINY])


# ---------------------------------------------------------------- content
@pytest.mark.parametrize('name', NAMES)
def test_content(name):
    """What each config says that its name promises."""
    config = config_of(name)
    assert config.default_scope == 'mmseg'
    assert 'mmteso' in config.custom_imports.imports
    model = config.model
    assert model.type == 'AudioTextSegmentor'
    assert (model.backbone.type, model.decode_head.type) == (
        'SAMImageEncoder', 'TeSOSAMHead')
    subset = dict(v1s='v1s', v1m='v1m').get(name[:-3].split('_')[-1], 'v2')
    for split in ('train', 'val', 'test'):
        loader = config[f'{split}_dataloader']
        assert loader.dataset.split == split
        assert loader.dataset.subsets == subset
        assert loader.dataset.task == 'binary'
        kinds = [step.type for step in loader.dataset.pipeline]
        assert ('RandomFlip' in kinds) == (split == 'train')
        if name != TINY:
            resized = kinds.index('Resize')
            assert (resized < kinds.index('LoadAVSAnnotations')) == (
                split != 'train')
    head, sedam = model.decode_head, model.prompt_encoder
    # METHOD.md, eq. 8; SAM has no classes
    assert (head.loss_mask.loss_weight, head.loss_dice.loss_weight) == (5, 5)
    # the widths that parts hand to each other
    assert sedam.embed_dims == head.pmqs.prompt_dims
    assert head.pmqs.query_dims == head.decoder_config.get('hidden_size', 256)
    assert head.pmqs.query_dims == model.backbone.get('vision_config', {}).get(
        'output_channels', 256)


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


@pytest.mark.parametrize('name', VIT_B)
def test_pretrained_sam(name):
    config = config_of(name)
    for part in (config.model.backbone, config.model.decode_head):
        assert part.init_cfg == dict(
            type='Pretrained', checkpoint='checkpoints/sam-vit-b')
    assert config.get('load_from') is None


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
