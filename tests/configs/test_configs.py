# Copyright (c) mmteso contributors. All rights reserved.
import copy

import pytest
import torch
from meta_sam import reference
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS
from narrow import (CONFIGS, KEEP_ALL, CallHook, adapters_of, load,
                    narrow_config, shapes_without_memory)

from data import make_avsbench

NAMES = sorted(path.name for path in (CONFIGS / 'teso').glob('*.py'))


def on_tiny_data(name, root, work_dir) -> Config:
    if 'teso-sam' in name or 'beit' in name or 'convnext' in name:
        pytest.importorskip('transformers')
    config = narrow_config(load(name), root, work_dir)
    if 'cutouts' in name:  # whose other splits SynthAVS hasn't
        config.test_dataloader.dataset.split = 'test'
    return config


def pipelines(config):
    for loader in ('train', 'val', 'test'):
        yield loader, config[f'{loader}_dataloader'].dataset.pipeline


@pytest.mark.parametrize('name', NAMES)
def test_content(name):
    """What each config says that its name promises."""
    config = load(f'teso/{name}')
    assert config.default_scope == 'mmseg'
    assert 'mmteso' in config.custom_imports.imports
    assert config.model.type == 'AudioTextSegmentor'
    _, benchmark = name[:-3].rsplit('_', 1)
    synthavs = benchmark.startswith(('synthavs', 'cutouts'))
    semantic = benchmark.endswith('avss')
    subsets = dict(v1s='v1s', v1m='v1m', avss=['v1s', 'v1m', 'v2'])
    subsets['avss-binary'] = 'v2'
    if synthavs:
        subsets[benchmark] = 'v2'
    for split, _ in pipelines(config):
        dataset = config[f'{split}_dataloader'].dataset
        wanted = split
        if benchmark == 'cutouts' and split == 'test':
            wanted = ['test', 'test_exemplar', 'test_unseen']
        assert dataset.split == wanted
        assert dataset.subsets == subsets[benchmark]
        assert dataset.task == ('semantic' if semantic else 'binary')
    classes = (9 if synthavs else 71) if semantic else 2
    head = config.model.decode_head
    assert head.num_classes == classes
    assert head.loss_cls.class_weight == [1.0] * classes + [0.1]
    with_cue_loss = name.startswith(('teso-cue_', 'teso-plus_'))
    assert ('cue_loss' in config.model) == with_cue_loss
    for split, pipeline in pipelines(config):
        cues, = (t for t in pipeline if t.type == 'LoadTextCues')
        # CueSelectionMetric reads it where a testbed is
        wanted = with_cue_loss if split == 'train' else synthavs
        assert cues.get('cue_target') == ('mask' if wanted else None)
        kinds = [t.type for t in pipeline]
        assert ('RandomFlip' in kinds) == (split == 'train')
        if not synthavs:
            resized = kinds.index('Resize')
            # predictions are scored at the ground truth's own size
            assert (resized < kinds.index('LoadAVSAnnotations')) == (
                split != 'train')


@pytest.mark.parametrize(
    'name', ['teso_swin-b_v1m.py', 'teso_r18_synthavs.py'])
def test_hooks_survive_a_leafs_own(name, tmp_path):
    """A leaf config with custom_hooks keeps exact resuming."""
    leaf = tmp_path / 'leaf.py'
    leaf.write_text(f"_base_ = [{str(CONFIGS / 'teso' / name)!r}]\n"
                    "custom_hooks = [dict(type='EMAHook')]\n")
    config = Config.fromfile(leaf)
    del config.default_hooks['visualization']  # needs a visualizer
    runner = Runner.__new__(Runner)  # its hooks alone
    runner._hooks = []
    init_default_scope('mmseg')
    runner.register_hooks(config.default_hooks, config.custom_hooks)
    kinds = [type(hook).__name__ for hook in runner.hooks]
    assert 'EMAHook' in kinds
    for kind in ('RandomStateHook', 'PlainCheckpointHook'):
        assert kinds.count(kind) == 1
    # seeds before anything draws
    assert set(kinds[:kinds.index('RandomStateHook')]) <= {'RuntimeInfoHook'}
    # converts what all the others added
    assert kinds[-1] == 'PlainCheckpointHook'


def test_normalisation_is_sams():
    preprocessor = load('teso-sam/teso-sam_vit-b_v1m.py').model[
        'data_preprocessor']
    assert preprocessor.bgr_to_rgb
    for key in ('mean', 'std'):
        assert list(preprocessor[key]) == pytest.approx(
            reference()[f'pixel_{key}'])


# Published parts + VGGish (72.1) + SeDAM, PMQS and adapters, and what of it
# trains, in millions
@pytest.mark.parametrize('name, total, trained', [
    ('teso/teso_swin-b_v1m', 204, 25), ('teso/teso_swin-b_avss', 204, 25),
    ('teso/teso-plus_swin-b_v1m', 205.08, 26.05),  # fusion=dict()
    ('teso/teso_swin-t_v1s', 142.1, 22.6),
    ('teso/teso_swin-s_v1m', 164.3, 23.5),
    ('teso/teso_swin-l_v1m', 317, 29.4), ('teso/teso_r50_v1m', 137.6, 21.5),
    ('teso/teso_r101_v1m', 156.6, 21.5),
    ('teso/teso_pvtv2-b2_v1m', 138.5, 41.5),
    ('teso/teso_pvtv2-b5_v1m', 196.9, 43.3),
    ('teso/teso_mit-b2_v1m', 137.9, 41.5),
    ('teso/teso_vit-b_v1m', 210.2, 51.9),
    ('teso/teso_beit-b_v1m', 209.8, 51.9),
    ('teso/teso_convnext-b_v1m', 200.7, 128.6),
    ('teso/teso_r18_synthavs', 4.36, 4.36),
    ('teso-sam/teso-sam_vit-b_v1m', 190.6, 24.7),
    ('teso-sam/teso-sam_tiny_synthavs', 1.94, 1.9)])
def test_full_size(name, total, trained):
    """Parameters, and the pyramid that the pixel decoder expects."""
    if 'sam' in name or 'beit' in name or 'convnext' in name:
        pytest.importorskip('transformers')
    init_default_scope('mmseg')
    config = load(f'{name}.py').model
    with shapes_without_memory():
        model = MODELS.build(config)
    parameters = list(model.parameters())
    for expected, counted in (
        (total, parameters),
            (trained, [p for p in parameters if p.requires_grad])):
        assert sum(p.numel() for p in counted) / 1e6 == pytest.approx(
            expected, rel=0.005)
    if 'strides' in config.decode_head:
        maps = model.extract_feat(torch.empty(1, 3, 384, 384, device='meta'))
        assert [(m.shape[1], 384 // m.shape[2]) for m in maps] == list(
            zip(config.decode_head.in_channels, config.decode_head.strides))


@pytest.fixture(scope='session')
def avsbench(tmp_path_factory):
    return make_avsbench(tmp_path_factory.mktemp('avsbench'))


@pytest.mark.parametrize('name', [
    'teso/teso_swin-b_v1s.py', 'teso/teso_swin-b_avss.py',
    'teso/teso-cue_swin-b_v1m.py', 'teso/teso_r18_synthavs.py',
    'teso/teso-plus_efficientnet-lite0_cutouts.py',
    'teso/teso-cue_r18_synthavs-avss.py',
    'teso-sam/teso-sam_tiny_synthavs.py', 'ablations/v1m/class-masks.py',
    'ablations/v1m/label-filter.py',
    *(pytest.param(f'teso/teso_{backbone}_v1m.py', marks=pytest.mark.slow)
      for backbone in ('swin-s', 'r101', 'mit-b2', 'beit-b'))])
def test_trains_and_tests(name, avsbench, synthavs, tmp_path):
    """One step, a validation that picks the best checkpoint, a test."""
    synthetic = 'synthavs' in name or 'cutouts' in name
    root = synthavs if synthetic else avsbench
    runner = Runner.from_cfg(on_tiny_data(name, root, tmp_path))
    before = copy.deepcopy(runner.model.state_dict())
    runner.train()
    assert runner.iter == 1
    after = runner.model.state_dict()
    assert any(not torch.equal(before[key], after[key]) for key in before)
    assert all(torch.isfinite(v).all() for v in after.values())
    metrics = runner.test()
    expected = {'avss/mIoU', 'avss/F', 'mmseg/mIoU'} if 'avss.py' in name \
        else {'J', 'F'}
    assert expected <= set(metrics)
    if synthetic:  # labels_visible is there and read
        assert {'J_part', 'cues/silent_kept'} <= set(metrics)
    if name.endswith('label-filter.py'):
        assert {'avss/mIoU', 'avss/F'} <= set(metrics)
        assert not any('text' in key for key in after)
    # what training wrote is all that testing needs
    checkpoint, = tmp_path.glob('best_*.pth')
    config = on_tiny_data(name, root, tmp_path / 'test')
    config.load_from = str(checkpoint)
    again = Runner.from_cfg(config).test()
    for key in expected:
        assert again[key] == metrics[key] or metrics[key] != metrics[key]


# ------------------------------------------------------- what trains, and how
FROZEN = ('backbone', 'audio_encoder', 'decode_head.pixel_decoder',
          'decode_head.transformer_decoder', 'decode_head.decoder_input_projs',
          'decode_head.query_embed', 'decode_head.query_feat',
          'decode_head.level_embed', 'decode_head.mask_embed')
TRAINED = ('prompt_encoder', 'decode_head.pmqs', 'decode_head.cls_embed')


def below(name, paths):
    return any(name == path or name.startswith(f'{path}.') for path in paths)


def train(config):
    """The runner; weights and rates at the start, modes at each step."""
    config.model.prompt_encoder.dynamic_mask.threshold = KEEP_ALL
    runner, start, rates, steps = Runner.from_cfg(config), {}, {}, []

    def look(runner):
        steps.append({path for path, module in runner.model.named_modules()
                      if module.training})
        if len(steps) > 1:
            return
        start.update(copy.deepcopy(runner.model.state_dict()))
        names = {id(p): n for n, p in runner.model.named_parameters()}
        for group in runner.optim_wrapper.optimizer.param_groups:
            # the warm-up begins at a hundredth
            rates.update({names[id(parameter)]: 100 * group['lr']
                          for parameter in group['params']})

    runner.register_hook(CallHook(before_train_iter=look))
    runner.train()
    return runner, start, rates, steps


@pytest.mark.parametrize('backbone', ['swin-b', 'r50'])
def test_what_trains(backbone, avsbench, tmp_path):
    """Two epochs with a validation after each, through a real runner."""
    runner, start, rates, steps = train(narrow_config(
        load(f'teso/teso_{backbone}_v1m.py'), avsbench, tmp_path, epochs=2))
    model = runner.model
    adapters = set(adapters_of(model))
    # of windows, pixel decoder and cross-attention
    assert len(adapters) == 2 + 4 + (5 if backbone == 'swin-b' else 0)
    parameters = {name for name, _ in model.named_parameters()}
    trainable = {n for n, p in model.named_parameters() if p.requires_grad}
    assert trainable == rates.keys() == {
        name for name in parameters
        if below(name, TRAINED) or below(name, adapters)}
    for name, rate in rates.items():
        assert rate == pytest.approx(
            1e-4 if name.startswith('backbone') else 1e-3), name
    # each name means something, and there is nothing else
    assert all(below(n, FROZEN) for n in parameters - trainable)
    for path in (*TRAINED, *FROZEN):
        assert any(below(n, [path]) for n, _ in model.named_modules()), path
    # eval mode where frozen, at the start and after a validation
    assert len(steps) == 2
    for step in steps:
        for path, module in model.named_modules():
            frozen = below(path, FROZEN) and not below(path, adapters)
            assert (path not in step) == frozen, path
    # weights and statistics (BN's too) stay or move
    for key, value in model.state_dict().items():
        changed = not torch.equal(value, start[key])
        if key not in trainable:
            assert not changed, key
        elif key.endswith('up.weight') or below(key, TRAINED):
            # a bias of keys moves no softmax, and the first adapters' down
            # projections are hidden behind zeros
            assert changed or key.endswith('k_proj.bias'), key


@pytest.mark.parametrize('backbone', ['pvtv2-b2', 'vit-b', 'convnext-b'])
def test_new_decoders_train(backbone, v1m, tmp_path):
    """Without a published Mask2Former; a ConvNeXt has nothing to adapt."""
    if backbone == 'convnext-b':
        pytest.importorskip('transformers')
    runner, start, rates, _ = train(narrow_config(
        load(f'teso/teso_{backbone}_v1m.py'), v1m, tmp_path))
    for name, parameter in runner.model.named_parameters():
        slow = below(name, ('backbone', 'neck', 'decode_head')) and \
            not below(name, TRAINED)
        if below(name, ['backbone']) and '.adapter.' not in name and \
                backbone != 'convnext-b':
            assert name not in rates and torch.equal(parameter, start[name])
        else:
            assert rates[name] == pytest.approx(1e-4 if slow else 1e-3), name
    assert {'J', 'F'} <= set(runner.test())
