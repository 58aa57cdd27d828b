# Copyright (c) mmteso contributors. All rights reserved.
"""The project's and mmseg's models, narrow enough for a CPU.

What is narrowed are widths, depths, image sizes and numbers of points; types,
names and structure stay those of the config.
"""
import copy
import itertools
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Optional
from unittest import mock

import mmseg
import torch
from mmengine.config import Config, ConfigDict
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.structures import LabelData, PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from tiny_sam import DECODER, VISION
from torch import nn

from data import make_avsbench
from mmteso.models import PMQS, BottleneckAdapter, FusionLayer, SeDAM
from mmteso.models.text_encoders import (HashTextEncoder, collect_phrases,
                                         write_cue_bank)
from mmteso.structures import AudioTextPrompt

CONFIGS = Path(__file__).parents[1] / 'configs'
SIZE = 64  # side of the frames; the top level is then 2 x 2
WIDTH = 32  # of the head
TEXT_DIMS = 24
PROMPT_DIMS = 40
# Threshold of the dynamic mask for tests that want each gradient: an untrained
# mask drops cues by chance, even all of them, and with them the text.
KEEP_ALL = -100.
_BACKBONES = dict(
    EfficientNetLite=dict(),  # as narrow as it is
    SwinTransformer=dict(embed_dims=8, depths=[2, 1, 1, 1],
                         num_heads=[1, 2, 4, 8], window_size=4),
    ResNet=dict(base_channels=8, stem_channels=8),
    MixVisionTransformer=dict(embed_dims=8, num_layers=[1, 1, 1, 1],
                              num_heads=[1, 2, 4, 8]),
    VisionTransformer=dict(img_size=(SIZE, SIZE), embed_dims=16, num_layers=4,
                           num_heads=2, out_indices=(0, 1, 2, 3)))
_BACKBONES['mmdet.PyramidVisionTransformerV2'] = \
    _BACKBONES['MixVisionTransformer']
# of TransformersBackbone, by model type; `config` is merged with theirs
_HF_BACKBONES = dict(
    convnext=dict(config=dict(hidden_sizes=[8, 16, 32, 64],
                              depths=[1, 1, 2, 1])),
    beit=dict(
        config=dict(hidden_size=16, intermediate_size=32, num_hidden_layers=4,
                    num_attention_heads=2, image_size=SIZE),
        out_indices=(0, 1, 2, 3)))
_numbers = itertools.count()
#: mmseg's own Mask2Formers.
STOCK = {
    'swin-b':
    'mask2former_swin-b-in22k-384x384-pre_8xb2-160k_ade20k-640x640.py',
    'swin-t': 'mask2former_swin-t_8xb2-160k_ade20k-512x512.py',
    'r50': 'mask2former_r50_8xb2-160k_ade20k-512x512.py',
}


@contextmanager
def plain_config_text():
    """Spare runners yapf, which lays a config out in 3 s, seven times."""
    with ExitStack() as stack:
        for where in ('yapf.yapflib.yapf_api.FormatCode',
                      'mmengine.config.config.FormatCode'):
            # the two distributions import it at different places
            stack.enter_context(
                mock.patch(where, lambda text, **_: (text, True), create=True))
        yield


@contextmanager
def shapes_without_memory():
    """Build and run full-size models on the meta device."""
    linspace = torch.linspace

    def on_cpu(*args, **kwargs):  # backbones read drop path rates off it
        return linspace(*args, **{**kwargs, 'device': 'cpu'})

    with mock.patch.object(torch, 'linspace', on_cpu), torch.device('meta'):
        yield


def load(name: str) -> Config:
    """One of the project's configs, by its path below configs/."""
    return Config.fromfile(CONFIGS / name)


def stock_model(kind: str, narrow: bool = True) -> ConfigDict:
    """Model of one of mmseg's Mask2Former configs, without weights."""
    folder = Path(mmseg.__file__).parent / '.mim' / 'configs' / 'mask2former'
    model = Config.fromfile(folder / STOCK[kind]).model
    if narrow:
        narrow_model(model)
    model.backbone.pop('init_cfg', None)
    if model.backbone.type == 'ResNet':
        # as OpenMMLab's tools revert it where no process group is there
        model.backbone.norm_cfg.type = 'BN'
    model.data_preprocessor.pop('batch_augments', None)
    return model


def build(model, seed: int = 0, **overrides) -> nn.Module:
    """Build a model and initialise it as the runner does.

    ``model`` is a config's path below configs/, whose model is narrowed, or a
    model's config as it is to be, but for the fields in ``overrides``.
    """
    init_default_scope('mmseg')
    if isinstance(model, str):
        model = narrow_model(load(model).model)
    model = ConfigDict(copy.deepcopy(model))
    model.update(overrides)
    torch.manual_seed(seed)
    model = MODELS.build(model)
    model.init_weights()
    return model


def set_classes(model: ConfigDict, number: int) -> ConfigDict:
    """Set the classes of a Mask2Former's config, in place."""
    model.decode_head.num_classes = number
    model.decode_head.loss_cls.class_weight = [1.0] * number + [0.1]
    return model


def adapters_of(model: nn.Module) -> dict:
    """All adapters, by their paths."""
    return {path: module for path, module in model.named_modules()
            if isinstance(module, BottleneckAdapter)}


def narrow_model(model: ConfigDict) -> ConfigDict:
    """Narrow a Mask2Former, mmseg's or ours, or a SAM, in place.

    VGGish, 72 million parameters, gives way to LogMelStats.
    """
    if model.backbone.type == 'SAMImageEncoder':
        model.backbone.update(
            img_size=SIZE, init_cfg=None, vision_config=dict(VISION))
        model.decode_head.update(
            init_cfg=None, num_points=64, decoder_config=dict(DECODER))
    else:
        _narrow_mask2former(model)
    head, preprocessor = model.decode_head, model.data_preprocessor
    if 'pmqs' in head and head.pmqs:
        head.pmqs.update(
            prompt_dims=PROMPT_DIMS, query_dims=WIDTH, hidden_dims=16)
    if head.get('fusion') is not None:
        head.fusion.update(
            prompt_dims=PROMPT_DIMS, embed_dims=16, hidden_dims=16)
    if 'prompt_encoder' in model and model.prompt_encoder:
        widths = dict(audio_dims=128, text_dims=TEXT_DIMS,
                      embed_dims=PROMPT_DIMS, hidden_dims=16)
        # an ablation has no text, or no sound
        model.prompt_encoder.update({name: width
                                     for name, width in widths.items()
                                     if name in model.prompt_encoder})
        model.audio_encoder = ConfigDict(type='LogMelStats')
    for sizes in (preprocessor, preprocessor.get('test_cfg') or {}):
        if sizes.get('size'):
            sizes['size'] = (SIZE, SIZE)
    return model


def _narrow_mask2former(model: ConfigDict) -> None:
    backbone, head = model.backbone, model.decode_head
    if backbone.type == 'TransformersBackbone':
        narrow = copy.deepcopy(_HF_BACKBONES[backbone.model_type])
        backbone.config.update(narrow.pop('config'))
        backbone.update(narrow)
    else:
        backbone.update(_BACKBONES[backbone.type])
    backbone.pop('init_cfg', None)
    widths = [8, 16, 32, 64]
    if backbone.get('depth', 0) >= 50:  # bottleneck blocks
        widths = [4 * width for width in widths]
    if backbone.type == 'EfficientNetLite':
        widths = [24, 40, 112, 320]
    if 'neck' in model:  # Feature2Pyramid, behind a plain ViT
        model.neck.embed_dim = 16
        widths = [16] * 4
    head.update(in_channels=widths, feat_channels=WIDTH, out_channels=WIDTH,
                num_queries=8,
                positional_encoding=dict(num_feats=WIDTH // 2, normalize=True))
    pixel, decoder = head.pixel_decoder, head.transformer_decoder
    pixel.positional_encoding.num_feats = WIDTH // 2
    pixel.norm_cfg.num_groups = 8
    pixel.encoder.num_layers = 2
    pixel.encoder.layer_cfg.self_attn_cfg.update(
        embed_dims=WIDTH, num_heads=4, num_points=2)
    pixel.encoder.layer_cfg.ffn_cfg.update(
        embed_dims=WIDTH, feedforward_channels=WIDTH)
    decoder.num_layers = 4
    for attention in ('self_attn_cfg', 'cross_attn_cfg'):
        decoder.layer_cfg[attention].update(embed_dims=WIDTH, num_heads=4)
    decoder.layer_cfg.ffn_cfg.update(
        embed_dims=WIDTH, feedforward_channels=WIDTH)
    head.train_cfg.num_points = 64


def fcn_config() -> ConfigDict:
    """A segmentor, without its type, whose heads know nothing of sound."""
    head = dict(type='FCNHead', in_channels=64, in_index=0, channels=8,
                num_convs=1, num_classes=2,
                loss_decode=dict(type='CrossEntropyLoss'))
    return ConfigDict(data_preprocessor=None,
                      backbone=dict(type='ResNet', depth=18, base_channels=8,
                                    stem_channels=8, out_indices=(3, )),
                      decode_head=head, auxiliary_head=copy.deepcopy(head),
                      train_cfg=dict(), test_cfg=dict(mode='whole'))


def random_prompt(batch_size: int = 2, seed: int = 0) -> AudioTextPrompt:
    """What a new SeDAM makes of random sound and cues."""
    torch.manual_seed(seed)
    sedam = SeDAM(text_dims=TEXT_DIMS, embed_dims=PROMPT_DIMS, hidden_dims=16)
    return sedam(
        torch.randn(batch_size, 128), torch.randn(batch_size, 4, TEXT_DIMS),
        torch.ones(batch_size, 4, dtype=torch.bool))


def fusion_parts(in_channels, prompt_dims: int = PROMPT_DIMS) -> dict:
    """What makes a segmentor's config hear through its features."""
    return dict(type='AudioTextSegmentor',
                audio_encoder=dict(type='LogMelStats'),
                prompt_encoder=dict(type='SeDAM', text_dims=TEXT_DIMS,
                                    embed_dims=PROMPT_DIMS, hidden_dims=16),
                fusion=dict(type='AudioTextFusion', in_channels=in_channels,
                            prompt_dims=prompt_dims, embed_dims=16,
                            hidden_dims=16))


def narrow_bank(data_root) -> str:
    """A cue bank of ``TEXT_DIMS`` dimensions in a data set's folder."""
    path = Path(data_root, 'cue_bank_narrow.safetensors')
    cues = path.with_name('cues.jsonl')
    if cues.is_file():  # a config may be narrowed without data
        phrases = collect_phrases([str(cues)], (), ['no such thing'])
        write_cue_bank(str(path), HashTextEncoder(TEXT_DIMS), phrases)
    return path.name


def narrow_config(config: Config, data_root, work_dir, frames: int = 2,
                  epochs: int = 1, narrow=None) -> Config:
    """Narrow a whole config, in place, and give it a tiny data set.

    Of ``frames`` in each split, in batches of 2. After each of the epochs (or
    iterations, where the config counts these) there is a validation.
    ``narrow`` narrows the model in place, as :func:`narrow_model` does.
    """
    (narrow or narrow_model)(config.model)
    for loader in (config.train_dataloader, config.val_dataloader,
                   config.test_dataloader):
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        loader.dataset.update(data_root=str(data_root), indices=frames,
                              serialize_data=False)
        if loader.dataset.cue_bank:
            loader.dataset.cue_bank = narrow_bank(data_root)
        for transform in loader.dataset.pipeline:
            if transform.type == 'Resize':
                transform.scale = (SIZE, SIZE)
    loop = config.train_cfg
    loop.val_interval = 1
    loop['max_epochs' if 'max_epochs' in loop else 'max_iters'] = epochs
    config.update(load_from=None, work_dir=str(work_dir),
                  experiment_name=f'narrow-{next(_numbers)}',
                  log_level='ERROR', randomness=dict(seed=0))
    return config


def make_batch(batch_size: int = 2, size: int = SIZE, num_classes: int = 2,
               seed: int = 0, silent: Optional[int] = None) -> dict:
    """What the segmentor's ``loss`` and ``predict`` take.

    Frames of one side, background the first of the classes, and an empty mask
    in the frame that is ``silent``.
    """
    rng = torch.Generator().manual_seed(seed)
    inputs = dict(
        img=torch.randn(batch_size, 3, size, size, generator=rng),
        log_mel=torch.randn(batch_size, 1, 96, 64, generator=rng),
        text_feat=torch.randn(batch_size, 4, TEXT_DIMS, generator=rng),
        text_valid=torch.tensor([True, True, True, False]).repeat(
            batch_size, 1))
    samples = []
    for i in range(batch_size):
        mask = torch.zeros(1, size, size, dtype=torch.long)
        if i != silent:
            for label in range(1, num_classes):
                top = size // 8 * (i % 4) + 3 * label
                mask[:, top:top + size // 4, 3 * label:size // 2] = label
        sample = SegDataSample(
            metainfo=dict(ori_shape=(size, size), img_shape=(size, size),
                          pad_shape=(size, size)))
        sample.gt_sem_seg = PixelData(data=mask)
        sample.gt_cues = LabelData(label=torch.tensor([1., 0., -1., -1.]))
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def open_gates(model: nn.Module, scale: float = 8.) -> nn.Module:
    """Let sound and text change an untrained model's masks, in place.

    Adapters, fusions and gated prompts start at zero, and what PMQS adds to
    the queries is small: a mask of a new model moves by little more than
    rounding, and a test that compares masks could not tell a broken path from
    a working one.
    """
    for module in model.modules():
        if isinstance(module, BottleneckAdapter):
            nn.init.normal_(module.up.weight, std=0.1)
        elif isinstance(module, FusionLayer):
            nn.init.normal_(module.up.weight)
            module.attn.out_proj.weight.data *= scale
        elif isinstance(module, PMQS):
            module.projection[-1].weight.data *= 2
            for layer in module.layers:
                layer.attn.out_proj.weight.data *= scale
                if layer.norm_type == 'zero_gated':
                    nn.init.ones_(layer.gamma)
    return model


def save_model(root, name, narrow=None):
    """Write one of the project's configs, by its path without suffix, narrow,
    and random weights: the two paths. ``root`` gets an AVSBench in ``data``,
    if it has none.
    """
    if not (root / 'data').exists():
        make_avsbench(root / 'data')
    config = load(f'{name}.py')
    config = narrow_config(config, root / 'data', root / 'work', narrow=narrow)
    for key in ('train', 'val', 'test'):
        config[f'{key}_dataloader'].dataset.pop('metainfo', None)
    model = open_gates(build(config.model))
    path, checkpoint = (str(root / Path(name).name) + suffix
                        for suffix in ('.py', '.pth'))
    torch.save(dict(state_dict=model.state_dict(),
                    meta=dict(cfg=config.pretty_text)), checkpoint)
    config.dump(path)
    return path, checkpoint


class CallHook(Hook):
    """Calls functions ``f(runner)``, by the name of a hook's method."""

    priority = 'VERY_LOW'

    def __init__(self, **functions) -> None:
        for name, function in functions.items():
            setattr(self, name, lambda runner, *_, f=function, **__: f(runner))
