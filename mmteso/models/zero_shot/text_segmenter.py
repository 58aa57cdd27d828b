# Copyright (c) mmteso contributors. All rights reserved.
import math
from abc import ABCMeta, abstractmethod
from typing import Any, List, Tuple

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

#: Logit of a pixel at which nothing was found; its score is 0 in float32.
NOTHING = -20.


class TextSegmenter(BaseModule, metaclass=ABCMeta):
    """Gives the mask of what a phrase names, without training.

    An image is encoded once; each phrase is then looked for by itself, so
    that neither the others nor their order matter.

    Args:
        mask_threshold (float): Probability from which on a pixel belongs to
            the mask: there its logit is 0 and its score 0.5. Defaults to
            0.5.

    Raises:
        ValueError: If the threshold is not between 0 and 1.
    """

    def __init__(self, mask_threshold: float = 0.5) -> None:
        super().__init__()
        if not 0 < mask_threshold < 1:
            raise ValueError('mask_threshold must lie between 0 and 1, but '
                             f'got {mask_threshold}')
        self.mask_threshold = mask_threshold

    @abstractmethod
    def encode_image(self, images: Tensor) -> List[Any]:
        """Encode images (RGB, 0 to 255, (B, 3, H, W)) as far as no phrase is
        needed.

        Returns:
            list: For each image what :meth:`find` reads.
        """

    @abstractmethod
    def find(self, encoded: Any, phrase: str) -> Tensor:
        """Look in one encoded image for what a phrase names.

        Returns:
            Tensor: Mask logits of n objects, (n, h, w), of any size, n may be
            0.
        """

    def segment(self, encoded: Any, phrase: str,
                size: Tuple[int, int]) -> Tensor:
        """The mask of all that a phrase names in one encoded image.

        Returns:
            Tensor: float32 logits, (H, W) as ``size`` says, positive inside
            the mask and at least ``NOTHING``.
        """
        masks = self.find(encoded, phrase).float()
        if not len(masks):
            return masks.new_full(size, NOTHING)
        masks = F.interpolate(
            masks[:, None], size, mode='bilinear', align_corners=False)
        shift = math.log(self.mask_threshold / (1 - self.mask_threshold))
        return (masks.amax((0, 1)) - shift).clamp(min=NOTHING)
