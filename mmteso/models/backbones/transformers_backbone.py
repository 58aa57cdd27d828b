# Copyright (c) mmteso contributors. All rights reserved.
import logging
from typing import Optional, Sequence, Tuple

import torch
from mmengine.logging import print_log
from mmseg.registry import MODELS
from torch import Tensor

from mmteso.io.hf_config import differing_fields, make_hf_config, own_fields
from mmteso.io.hf_folder import WEIGHT_FILES, require_hf_files
from mmteso.optional import require
from ..weights import (PretrainedModule, TransformersPart, from_pretrained,
                       load_part)

# What the folder's config may say otherwise: what matters in training only,
# belongs to a head, or what weights of a wrong shape tell (image_size).
_FREE = {
    'image_size', 'initializer_range', 'drop_path_rate', 'hidden_dropout_prob',
    'attention_probs_dropout_prob', 'attention_dropout', 'dropout_prob',
    'out_features', 'out_indices', 'stage_names', 'encoder_stride',
    'apply_layernorm', 'add_fpn', 'use_mask_token', 'use_mean_pooling',
    'pool_scales', 'use_auxiliary_head', 'auxiliary_loss_weight',
    'auxiliary_channels', 'auxiliary_num_convs', 'auxiliary_concat_input',
    'semantic_loss_ignore_index', 'decoder_hidden_size', 'decoder_depth',
    'decoder_num_heads', 'mask_ratio', 'normalize_pixel_loss'
}
# Layers that a backbone has more than the model it was trained in.
_NEW = ('hidden_states_norms.', 'fpn')
# Parameters that no output of a backbone depends on.
_UNUSED = ('embeddings.mask_token', 'swin.layernorm', 'bit.norm')
_OURS = ('out_features', 'out_indices', 'stage_names', 'reshape_hidden_states')


@MODELS.register_module()
class TransformersBackbone(PretrainedModule, TransformersPart):
    """A vision backbone of transformers [ours].

    What ``AutoBackbone`` knows: ConvNeXt (mmseg's own needs mmpretrain),
    ConvNeXt V2, Swin, Swin V2, DINOv2, DINOv3, BEiT, PVTv2, ResNet, ... Its
    structure is written out, so that testing needs no other file than a
    checkpoint of ours. Nothing is downloaded: the pretrained weights come
    from a local folder in transformers' format, of the backbone alone or of a
    classifier with it, and are read when training starts::

        backbone=dict(
            type='TransformersBackbone',
            model_type='convnext',
            config=dict(hidden_sizes=[128, 256, 512, 1024],
                        depths=[3, 3, 27, 3]),
            init_cfg=dict(type='Pretrained',
                          checkpoint='checkpoints/convnext-base-224-22k'))

    Images are taken as they are: where a side is no multiple of a stride, the
    map's is rounded down or up as the network does it.

    Args:
        model_type (str): Transformers' name of the model, such as
            ``'convnext'``, ``'swinv2'`` or ``'dinov2'``.
        config (dict, optional): Fields of its configuration that are not as
            by default. Defaults to None: all are.
        out_indices (Sequence[int]): Which stages, or layers of a ViT, to give
            out, in ascending order from 0; the stem doesn't count. Defaults
            to (0, 1, 2, 3).
        with_cp (bool): Recompute the layers in the backward pass instead of
            keeping their activations. Transformers does so in training mode
            only, thus not where the backbone is frozen (a warning says so),
            and not in all models. Defaults to False.
        init_cfg (dict, optional): Where the weights are, of type Pretrained.
            Defaults to None: random ones, drawn as transformers does.

    Attributes:
        out_channels (tuple[int]): Channels of each map.

    Raises:
        ImportError: If transformers is not installed.
        ValueError: If there is no such backbone, ``config`` has an unknown
            field or one of ours, ``out_indices`` are not ascending or not all
            its stages, ``init_cfg`` is not of type Pretrained, or the model
            can't recompute its layers.
    """

    def __init__(self,
                 model_type: str,
                 config: Optional[dict] = None,
                 out_indices: Sequence[int] = (0, 1, 2, 3),
                 with_cp: bool = False,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        transformers = require('transformers', 'text')
        self.model_type = model_type
        self.model = transformers.AutoBackbone.from_config(
            _make_config(model_type, dict(config or {}), list(out_indices)))
        self.out_channels = tuple(self.model.channels)
        self.with_cp = with_cp
        if with_cp:
            if not self.model.supports_gradient_checkpointing:
                raise ValueError(
                    f'transformers can\'t recompute {model_type!r}: leave '
                    'out with_cp')
            # renamed in transformers 5
            enable = getattr(self.model, 'activation_checkpointing_enable',
                             self.model.gradient_checkpointing_enable)
            enable(dict(use_reentrant=False))
        for name, parameter in self.model.named_parameters():
            # DistributedDataParallel would wait for their gradients
            if name.startswith(_UNUSED):
                parameter.requires_grad_(False)

    def load_pretrained(self, folder: str) -> None:
        """Read the weights of a folder.

        Layers that only backbones have stay as they were built where the
        folder's model was no backbone.
        """
        who, own = type(self).__name__, self.model.config
        require_hf_files(folder, ['config.json'], who)
        require_hf_files(folder, WEIGHT_FILES, who)
        stored = require('transformers', 'text').AutoConfig.from_pretrained(
            folder, local_files_only=True)
        differing = dict(model_type=(self.model_type, stored.model_type)) \
            if stored.model_type != self.model_type \
            else differing_fields(own, stored, _FREE)
        if differing:
            raise ValueError(
                f'{folder!r} holds another backbone; the fields of the '
                f"model's config and of the folder's are {differing}")
        try:
            model = from_pretrained(
                type(self.model), folder, _NEW, config=own,
                local_files_only=True)
        except RuntimeError as error:
            raise RuntimeError(
                f'the weights in {folder!r} do not fit; its image_size is '
                f'{getattr(stored, "image_size", None)}, the backbone\'s '
                f'{getattr(own, "image_size", None)}: {error}') from error
        load_part(self.model, model.state_dict(), folder)

    def forward(self, x: Tensor) -> Tuple[Tensor, ...]:
        """Encode images (B, 3, H, W), normalised as the weights demand.

        Returns:
            tuple[Tensor]: A map per index, (B, out_channels[i], H_i, W_i),
            contiguous.

        Raises:
            RuntimeError: If the maps don't have the channels that
                transformers says: FocalNet's are those of the next stage.
        """
        if self.with_cp and torch.is_grad_enabled() and not self.training:
            print_log(
                'with_cp has no effect: the backbone is frozen, and '
                'transformers recomputes layers in training mode alone',
                logger='current',
                level=logging.WARNING)
            self.with_cp = False
        maps = tuple(
            feature.contiguous() for feature in self.model(x).feature_maps)
        channels = tuple(feature.shape[1] for feature in maps)
        if channels != self.out_channels:
            raise RuntimeError(
                f'{self.model_type!r} can\'t be used: its maps should have '
                f'{self.out_channels} channels, but they have {channels}')
        return maps


def _make_config(model_type: str, settings: dict, indices: list):
    """transformers' configuration, with names of stages for indices."""
    from transformers import CONFIG_MAPPING
    from transformers.models.auto import modeling_auto
    known = set(modeling_auto.MODEL_FOR_BACKBONE_MAPPING_NAMES)
    known.discard('timm_backbone')  # mmseg has TIMMBackbone
    if model_type not in known:
        raise ValueError(f'transformers has no backbone {model_type!r}; it '
                         f'has {sorted(known)}')
    if not set(settings).isdisjoint(_OURS):
        raise ValueError(f'{_OURS} can\'t be set in config: out_indices '
                         'says which maps to give out, (B, C, H, W) each')
    config = make_hf_config(CONFIG_MAPPING[model_type], settings)
    for name in own_fields(config):
        if isinstance(getattr(config, name, None), tuple):
            # as read from a file: FocalNet adds lists to them
            setattr(config, name, list(getattr(config, name)))
    stages = [name for name in config.stage_names if name != 'stem']
    if not indices or indices != sorted(
            set(indices).intersection(range(len(stages)))):
        raise ValueError(
            f'out_indices must be ascending and among 0 to {len(stages) - 1}, '
            f'the stages of this {model_type}, but got {indices}')
    config.out_features = [stages[index] for index in indices]
    return config
