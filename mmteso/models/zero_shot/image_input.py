# Copyright (c) mmteso contributors. All rights reserved.
from functools import cached_property
from typing import Any, Dict, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mmteso.optional import require

# Pillow's numbers of its filters
_FILTERS = {2: 'bilinear', 3: 'bicubic'}


class ImageInput:
    """What a model's own image processor makes of pictures, as tensors.

    Size, aspect ratio, filter, mean and deviation are those of the model's
    ``preprocessor_config.json`` (or ``processor_config.json``). Done here in
    PyTorch, since some of transformers' processors need torchvision. Pictures
    are resized on the CPU as bytes, as the processors do it: pixels are those
    of torchvision, and within one step of 255 of Pillow's.

    Args:
        pretrained (str): A folder, or an id on the Hugging Face Hub.

    Raises:
        OSError: If there is no such file.
        ValueError: If it asks for something that isn't known here.
    """

    def __init__(self, pretrained: str) -> None:
        self.pretrained = pretrained

    @cached_property
    def settings(self) -> Dict[str, Any]:
        """The file's content, read where it is first used."""
        require('transformers', 'text')
        from transformers.image_processing_utils import BaseImageProcessor
        settings = BaseImageProcessor.get_image_processor_dict(
            self.pretrained)[0]
        lacking = {'size', 'image_mean', 'image_std'} - set(settings)
        if lacking or settings.get('resample', 2) not in _FILTERS:
            raise ValueError(
                f'the image processor of {self.pretrained!r} needs size, '
                'image_mean, image_std, and as resample 2 (bilinear) or 3 '
                f'(bicubic), but its file says {settings}')
        return settings

    def resized(self, height: int, width: int) -> Tuple[int, int]:
        """Size of a picture for the model, without padding."""
        size = self.settings['size']
        if not self.settings.get('do_resize', True):
            return height, width
        if isinstance(size, int):  # files of earlier versions
            return size, size
        if 'height' in size:
            return size['height'], size['width']
        longest = size.get('longest_edge')
        if 'shortest_edge' not in size:
            scale = longest / max(height, width)
            return int(height * scale + .5), int(width * scale + .5)
        short, long = sorted((height, width))
        edge = exact = size['shortest_edge']
        if longest and long / short * edge > longest:
            exact = longest * short / long
            edge = round(exact)
        other = long if short == edge else int(exact * long / short)
        return (edge, other) if height <= width else (other, edge)

    def __call__(self, images: Tensor) -> Tensor:
        """Pictures of one size, RGB, 0 to 255, (B, 3, H, W), -> float32,
        (B, 3, h, w), padded at the right and below where the model wants it.
        """
        settings = self.settings
        size = self.resized(*images.shape[-2:])
        if size != images.shape[-2:]:
            images = F.interpolate(
                images.round().byte().cpu(),
                size,
                mode=_FILTERS[settings.get('resample', 2)],
                antialias=True).to(images)
        if settings.get('do_rescale', True):
            images = images * settings.get('rescale_factor', 1 / 255)
        if settings.get('do_normalize', True):
            mean, std = (
                torch.tensor(settings[f'image_{name}'], device=images.device)
                for name in ('mean', 'std'))
            images = (images - mean[:, None, None]) / std[:, None, None]
        pad = settings.get('pad_size')
        if pad and settings.get('do_pad'):
            images = F.pad(images, (0, pad['width'] - size[1], 0,
                                    pad['height'] - size[0]))
        return images
