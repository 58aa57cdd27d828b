# Copyright (c) mmteso contributors. All rights reserved.
"""SAM 2 as transformers builds and stores it: images, no video memory."""
from typing import Any, Collection, Mapping, Optional, Sequence, Tuple

from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmteso.io.hf_config import differing_fields, make_hf_config
from mmteso.io.hf_folder import WEIGHT_FILES, require_hf_files
from mmteso.models.weights import (PretrainedModule, from_pretrained,
                                   load_part)
from mmteso.optional import require

sam2 = require('transformers.models.sam2.modeling_sam2', 'text')

# What a folder's config may say otherwise than the model's: what another
# field says too, what matters in training only, what isn't read here.
_FREE = {
    'backbone_config', 'backbone_feature_sizes', 'image_size',
    'initializer_range', 'layer_norm_eps', 'dynamic_multimask_via_stability',
    'dynamic_multimask_stability_delta', 'dynamic_multimask_stability_thresh'
}


def make_config(name: str, settings: Optional[Mapping[str, Any]] = None):
    """A configuration of SAM 2 by its class's name; a misspelt field is an
    error. With PyTorch's own attention (``'sdpa'``).
    """
    config = make_hf_config(getattr(sam2, name), settings)
    config._attn_implementation = 'sdpa'
    return config


def read_sam2_folder(folder: str) -> nn.Module:
    """Read a SAM 2 from a folder in transformers' format, in float32.

    Such as a local copy of ``facebook/sam2-hiera-large``, whose video memory
    is left out. Nothing is downloaded.

    Raises:
        FileNotFoundError: If there is no such folder, or no config or no
            weights in it.
        ValueError: If it holds another model, or its weights are not whole.
    """
    require_hf_files(folder, ['config.json'], 'SAM 2')
    require_hf_files(folder, WEIGHT_FILES, 'SAM 2')
    found = sam2.Sam2Config.get_config_dict(folder, local_files_only=True)[0]
    if found.get('model_type') not in ('sam2', 'sam2_video'):
        raise ValueError(f'"{folder}" holds a model of the type '
                         f'{found.get("model_type")!r}, not a SAM 2')
    return from_pretrained(sam2.Sam2Model, folder, local_files_only=True)


def check_same(part: str,
               config,
               stored,
               folder: str,
               free: Collection[str] = ()) -> None:
    """Raise ValueError if a folder's part was built otherwise than ours."""
    differing = differing_fields(config, stored, {*_FREE, *free})
    if differing:
        raise ValueError(
            f'"{folder}" holds another SAM 2: of {part} the model\'s config '
            f'and the folder\'s say {differing}')


@MODELS.register_module()
class SAM2ImageEncoder(PretrainedModule):
    """SAM 2's image encoder: a Hiera and its neck.

    The network is transformers' ``Sam2VisionModel``. Weights come from a local
    folder in transformers' format::

        backbone=dict(type='SAM2ImageEncoder', init_cfg=dict(
            type='Pretrained', checkpoint='checkpoints/sam2-hiera-large'))

    Args:
        hiera (dict, optional): Fields of ``Sam2HieraDetConfig`` that are not
            as in Hiera-T. Defaults to None: Hiera-T.
        out_channels (int): C of the maps. Defaults to 256.
        init_cfg (dict, optional): Where the weights are. Defaults to None:
            random weights.
    """

    def __init__(self,
                 hiera: Optional[dict] = None,
                 out_channels: int = 256,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        hiera = make_config('Sam2HieraDetConfig', hiera)
        config = make_config(
            'Sam2VisionConfig',
            dict(
                backbone_config=hiera,
                backbone_channel_list=hiera.embed_dim_per_stage[::-1],
                fpn_hidden_size=out_channels))
        self.vision_encoder = sam2.Sam2VisionModel(config)

    def load_pretrained(self, folder: str) -> None:
        """Read the weights of a folder."""
        model, ours = read_sam2_folder(folder), self.vision_encoder.config
        stored = model.config.vision_config
        check_same('the neck', ours, stored, folder)
        check_same(
            'Hiera', ours.backbone_config, stored.backbone_config, folder,
            free=['num_attention_heads'])  # it has them by stage
        load_part(self.vision_encoder, model.vision_encoder.state_dict(),
                  folder)

    def forward(self, x: Tensor) -> Tuple[Tensor, ...]:
        """Encode images (B, 3, H, W), normalised with mmseg's usual mean and
        deviation, which are SAM 2's; H and W are multiples of 32.

        Returns:
            tuple[Tensor]: Three maps (B, C, h_i, w_i) of strides 4, 8 and 16.
        """
        return tuple(self.vision_encoder(x).fpn_hidden_states)


@MODELS.register_module()
class SAM2Neck(BaseModule):
    """SAM 2's neck behind any backbone of four levels.

    1 x 1 convolutions, and of the two coarsest levels a sum.

    Args:
        in_channels (Sequence[int]): Of the levels of strides 4, 8, 16 and 32.
        out_channels (int): C. Defaults to 256.
    """

    def __init__(self,
                 in_channels: Sequence[int],
                 out_channels: int = 256) -> None:
        super().__init__()
        self.neck = sam2.Sam2VisionNeck(
            make_config(
                'Sam2VisionConfig',
                dict(
                    backbone_channel_list=list(in_channels)[::-1],
                    fpn_hidden_size=out_channels)))

    def forward(self, x: Sequence[Tensor]) -> Tuple[Tensor, ...]:
        """Four maps -> three (B, C, h_i, w_i) of strides 4, 8 and 16."""
        maps = self.neck([level.permute(0, 2, 3, 1) for level in x])[0]
        return tuple(maps[:0:-1])
