# Copyright (c) mmteso contributors. All rights reserved.
import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS, TRANSFORMS
from narrow import (CONFIGS, KEEP_ALL, CallHook, load, narrow_config,
                    shapes_without_memory)
from torch import nn

from data import make_avsbench
from mmteso.models import BottleneckAdapter

NAMES = sorted(path.name for path in (CONFIGS / 'teso').glob('*.py'))


def config_of(name) -> Config:
    return load(f'teso/{name}')


def on_tiny_data(name, root, work_dir) -> Config:
    config = narrow_config(config_of(name), root, work_dir)
    if 'cutouts' in name:  # whose other splits SynthAVS hasn't
        config.test_dataloader.dataset.split = 'test'
    return config


def pipelines(config):
    for loader in ('train', 'val', 'test'):
        yield loader, config[f'{loader}_dataloader'].dataset.pipeline


# ---------------------------------------------------------------- content
@pytest.mark.parametrize('name', NAMES)
def test_content(name):
    """What each config says that its name promises."""
    config = config_of(name)
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
        shuffle = config[f'{split}_dataloader'].sampler.shuffle
        assert shuffle == (split == 'train')
    classes = (9 if synthavs else 71) if semantic else 2
    head = config.model.decode_head
    assert head.num_classes == classes
    assert head.loss_cls.class_weight == [1.0] * classes + [0.1]
    assert head.pmqs.query_dims == head.feat_channels
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


def test_cached_audio():
    """The cache's sound is the test pipeline's; nothing else changes."""
    plain = config_of('teso_swin-b_v1m.py')
    config = config_of('teso-cached-audio_swin-b_v1m.py')
    assert config.model == plain.model
    assert config.test_dataloader == plain.test_dataloader
    for split in ('train', 'val'):
        before, after = (
            list(c[f'{split}_dataloader'].dataset.pipeline)
            for c in (plain, config))
        place = [step.type for step in after].index('LoadAudioFeatures')
        cached = after[place]
        clip, log_mel = before[place:place + 2]
        assert (clip.type, log_mel.type) == ('LoadAudioClip', 'AudioToLogMel')
        assert cached.expect.encoder == config.model.audio_encoder.type
        assert cached.expect.settings.clip_hop == clip.clip_hop
        assert cached.expect.settings.last_clip == \
            TRANSFORMS.build(clip).last_clip
        assert after == before[:place] + [cached] + before[place + 2:]


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


# ---------------------------------------------------------------- full size
# stock Mask2Former + VGGish (72.1) + SeDAM, PMQS and adapters, and what of it
# trains, in millions
@pytest.mark.parametrize('name, total, trained', [
    ('teso_swin-b_v1m.py', 204.1, 25), ('teso_swin-b_avss.py', 204.1, 25),
    ('teso_swin-t_v1s.py', 142, 22.6), ('teso_swin-s_v1m.py', 164.4, 23.4),
    ('teso_swin-l_v1m.py', 317, 29.3), ('teso_r50_v1m.py', 137.6, 21.5),
    ('teso_r101_v1m.py', 156.6, 21.5), ('teso_r18_synthavs.py', 4.36, 4.36)])
def test_builds_at_full_size(name, total, trained):
    init_default_scope('mmseg')
    with shapes_without_memory():
        model = MODELS.build(config_of(name).model)
    for expected, counted in ((total, [*model.parameters()]),
                              (trained, [p for p in model.parameters()
                                         if p.requires_grad])):
        assert sum(p.numel() for p in counted) / 1e6 == pytest.approx(
            expected, rel=0.01)


# ---------------------------------------------------------------- one step
@pytest.fixture(scope='session')
def avsbench(tmp_path_factory):
    return make_avsbench(tmp_path_factory.mktemp('avsbench'))


KINDS = [
    'teso_swin-b_v1s.py', 'teso_swin-b_avss.py', 'teso-cue_swin-b_v1m.py',
    'teso_r50_v1m.py', 'teso_r18_synthavs.py',
    'teso-plus_efficientnet-lite0_cutouts.py', 'teso-cue_r18_synthavs-avss.py'
]


@pytest.mark.parametrize('name', KINDS)
def test_trains_and_tests(name, avsbench, synthavs, tmp_path):
    """One step, a validation that picks the best checkpoint, a test."""
    on_testbed = 'synthavs' in name or 'cutouts' in name
    root = synthavs if on_testbed else avsbench
    config = on_tiny_data(name, root, tmp_path)
    runner = Runner.from_cfg(config)
    before = copy.deepcopy(runner.model.state_dict())
    runner.train()
    assert runner.iter == 1
    after = runner.model.state_dict()
    assert not torch.equal(before['decode_head.cls_embed.weight'],
                           after['decode_head.cls_embed.weight'])
    assert all(torch.isfinite(v).all() for v in after.values())
    assert list(tmp_path.glob('best_*.pth'))
    metrics = runner.test()
    expected = {'avss/mIoU', 'avss/F', 'mmseg/mIoU'} if 'avss.py' in name \
        else {'J', 'F'}
    assert expected <= set(metrics)
    if on_testbed:  # labels_visible is there and read
        assert {'J_part', 'cues/silent_kept'} <= set(metrics)
    # what training wrote is all that testing needs
    checkpoint, = tmp_path.glob('best_*.pth')
    config = on_tiny_data(name, root, tmp_path / 'test')
    config.load_from = str(checkpoint)
    again = Runner.from_cfg(config).test()
    for key in expected:
        assert again[key] == metrics[key] or metrics[key] != metrics[key]


# ------------------------------------------------------- what trains, and how
def adapter_paths(stages, pixel_layers, decoder_layers):
    return {
        *(f'backbone.stages.{i}.blocks.{j}.attn.w_msa.proj.adapter'
          for i, depth in enumerate(stages) for j in range(depth)),
        *(f'decode_head.pixel_decoder.encoder.layers.{i}.self_attn.'
          'output_proj.adapter' for i in range(pixel_layers)),
        *(f'decode_head.transformer_decoder.layers.{i}.cross_attn.attn.adapter'
          for i in range(decoder_layers))
    }


FROZEN = ('backbone', 'audio_encoder', 'decode_head.pixel_decoder',
          'decode_head.transformer_decoder', 'decode_head.decoder_input_projs',
          'decode_head.query_embed', 'decode_head.query_feat',
          'decode_head.level_embed', 'decode_head.mask_embed')
TRAINED = ('prompt_encoder', 'decode_head.pmqs', 'decode_head.cls_embed')


def below(name, paths):
    return any(name == path or name.startswith(f'{path}.') for path in paths)


@pytest.mark.parametrize('name, adapters', [
    ('teso_swin-b_v1m.py', adapter_paths([2, 1, 1, 1], 2, 4)),
    ('teso_r50_v1m.py', adapter_paths([], 2, 4)),
])
def test_what_trains(name, adapters, avsbench, tmp_path):
    """Two epochs with a validation after each, through a real runner.

    At which rates: test_backbone_configs.py.
    """
    config = narrow_config(config_of(name), avsbench, tmp_path, epochs=2)
    config.model.prompt_encoder.dynamic_mask.threshold = KEEP_ALL
    runner = Runner.from_cfg(config)
    start, steps = {}, []

    def remember(runner):
        start.update(copy.deepcopy(runner.model.state_dict()))

    def look(runner):
        steps.append({
            path
            for path, module in runner.model.named_modules()
            if module.training
        })

    runner.register_hook(
        CallHook(before_train=remember, before_train_iter=look))
    runner.train()
    assert len(steps) == 2
    model = runner.model
    found = {
        path
        for path, module in model.named_modules()
        if isinstance(module, BottleneckAdapter)
    }
    assert found == adapters

    parameters = {name for name, _ in model.named_parameters()}
    trainable = {n for n, p in model.named_parameters() if p.requires_grad}
    assert trainable == {
        name
        for name in parameters if below(name, TRAINED) or below(name, adapters)
    }
    # each name means something, and there is nothing else
    assert all(below(n, FROZEN) for n in parameters - trainable)
    for path in (*TRAINED, *adapters, *FROZEN):
        assert any(below(n, [path]) for n, _ in model.named_modules()), path

    # eval mode where frozen, at the start and after a validation
    for step in steps:
        for path, module in model.named_modules():
            frozen = below(path, FROZEN) and not below(path, adapters)
            assert (path not in step) == frozen, path
    norms = [
        path for path, module in model.named_modules()
        if isinstance(module, (nn.modules.batchnorm._BatchNorm, nn.Dropout))
        or type(module).__name__ == 'DropPath'
    ]
    assert norms and all(below(path, FROZEN) for path in norms)

    # weights and statistics (BN's too) stay or move
    for key, value in model.state_dict().items():
        changed = not torch.equal(value, start[key])
        if key not in trainable:
            assert not changed, key
        elif key.endswith('up.weight') or below(key, TRAINED):
            # a bias of keys moves no softmax, and the first adapters' down
            # projections are hidden behind zeros
            assert changed or key.endswith('k_proj.bias'), key
