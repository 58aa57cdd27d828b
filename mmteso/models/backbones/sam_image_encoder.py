# Copyright (c) mmteso contributors. All rights reserved.
from typing import Optional, Tuple

from mmseg.registry import MODELS
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ..sam import import_sam, load_sam_part, make_config
from ..weights import PretrainedModule


@MODELS.register_module()
class SAMImageEncoder(PretrainedModule):
    """SAM's image encoder, a ViT with windowed and global attention.

    The network is transformers' ``SamVisionEncoder``. Weights come from a
    local folder in transformers' format::

        backbone=dict(type='SAMImageEncoder', init_cfg=dict(
            type='Pretrained', checkpoint='checkpoints/sam-vit-b'))

    Args:
        img_size (int): Side of the images, which must be of this size: pad or
            resize them. At another side than the weights' the positional
            embeddings are interpolated when the weights are read, the
            absolute ones bicubically, the relative ones of global attention
            linearly (ours; what SAM is worth at other sizes than 1024 was not
            measured here). Defaults to 1024, as SAM was trained.
        vision_config (dict, optional): Fields of ``SamVisionConfig`` that
            are not as in ViT-B. For training from nothing set
            ``initializer_range`` (say to 0.02): transformers' default starts
            all weights at practically zero. Defaults to None: ViT-B.
        with_cp (bool): Recompute the layers in the backward pass instead of
            keeping their activations. Defaults to False.
        init_cfg (dict, optional): Where the weights are. Defaults to None:
            random weights.

    Raises:
        ImportError: If transformers is not installed.
        ValueError: If ``vision_config`` has an unknown field or its own image
            size, ``img_size`` is no multiple of the patches' side, or
            ``init_cfg`` is not of type Pretrained.
    """

    def __init__(self,
                 img_size: int = 1024,
                 vision_config: Optional[dict] = None,
                 with_cp: bool = False,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if 'image_size' in (vision_config or {}):
            raise ValueError('the size of the images is img_size, not '
                             "vision_config['image_size']")
        config = make_config('SamVisionConfig',
                             dict(vision_config or {}, image_size=img_size))
        if img_size % config.patch_size:
            raise ValueError('img_size must be a multiple of the patches\' '
                             f'side, {config.patch_size}, but got {img_size}')
        self.img_size = img_size
        self.with_cp = with_cp
        self.vision_encoder = import_sam().SamVisionEncoder(config)

    @property
    def out_channels(self) -> int:
        """Channels of the features."""
        return self.vision_encoder.config.output_channels

    def load_pretrained(self, folder: str) -> None:
        """Read the weights of a folder."""
        load_sam_part(self.vision_encoder, self.vision_encoder.config, folder,
                      'vision_encoder')

    def forward(self, x: Tensor) -> Tuple[Tensor]:
        """Encode images (B, 3, img_size, img_size), normalised with mmseg's
        usual mean and deviation, which are SAM's.

        Returns:
            tuple[Tensor]: One map, (B, 256, img_size / 16, img_size / 16).

        Raises:
            ValueError: If the images are of another size.
        """
        if tuple(x.shape[2:]) != (self.img_size, ) * 2:
            raise ValueError(
                f'SAMImageEncoder was built for img_size={self.img_size}, but '
                f'got images of {tuple(x.shape[2:])} pixels: resize them in '
                'the pipelines (frame_size), or pad them in the data '
                'preprocessor (size)')
        encoder = self.vision_encoder
        x = encoder.patch_embed(x)
        if encoder.pos_embed is not None:
            x = x + encoder.pos_embed
        # Layer by layer: transformers' own checkpointing is off in eval mode,
        # in which a frozen encoder with adapters trains.
        for layer in encoder.layers:
            if self.with_cp and x.requires_grad:
                x = checkpoint(layer, x, use_reentrant=False)
            else:
                x = layer(x)
            x = x[0] if isinstance(x, tuple) else x  # transformers < 5
        return (encoder.neck(x), )
