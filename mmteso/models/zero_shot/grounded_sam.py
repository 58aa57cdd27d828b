# Copyright (c) mmteso contributors. All rights reserved.
from typing import Any, List, NamedTuple, Tuple

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn

from .frozen_model import FrozenTransformersModel
from .image_input import ImageInput
from .text_segmenter import TextSegmenter


class _Encoded(NamedTuple):
    """An image as both models see it.

    Attributes:
        pixels (Tensor): Grounding DINO's input, (1, 3, h, w).
        features (Tensor): What its backbone makes of them.
        sam (Tensor): SAM's image embedding, (1, C, h, w).
        sam_size (tuple[int, int]): Size of the image in SAM's padded input.
    """
    pixels: Tensor
    features: Any
    sam: Tensor
    sam_size: Tuple[int, int]


class _KnownFeatures(nn.Module):
    """Stands in a backbone's place where its output is known."""

    def __init__(self, features: Any, position_embedding: nn.Module) -> None:
        super().__init__()
        self.features = features
        self.position_embedding = position_embedding

    def forward(self, *args, **kwargs) -> Any:
        """The features."""
        return self.features


@MODELS.register_module()
class GroundedSAMSegmenter(TextSegmenter):
    """Grounding DINO finds boxes of a phrase, SAM gives each its mask.

    Args:
        detector (dict): ``pretrained`` and, if need be, ``dtype`` of
            Grounding DINO, such as ``IDEA-Research/grounding-dino-tiny``; see
            :class:`FrozenTransformersModel`.
        sam (dict): Likewise of SAM, such as ``facebook/sam-vit-base``.
        box_threshold (float): A box counts if its score is greater. Defaults
            to 0.25, as in transformers' post-processing.
        mask_threshold (float): See :class:`TextSegmenter`. Defaults to 0.5.
    """

    def __init__(self,
                 detector: ConfigType,
                 sam: ConfigType,
                 box_threshold: float = 0.25,
                 mask_threshold: float = 0.5) -> None:
        super().__init__(mask_threshold)
        self.box_threshold = box_threshold
        self.detector = FrozenTransformersModel(
            model_class='GroundingDinoForObjectDetection', **detector)
        self.sam = FrozenTransformersModel(model_class='SamModel', **sam)
        self.detector_input = ImageInput(detector['pretrained'])
        self.sam_input = ImageInput(sam['pretrained'])

    def encode_image(self, images: Tensor) -> List[_Encoded]:
        """See :class:`TextSegmenter`."""
        self.detector.init_weights()
        self.sam.init_weights()
        detector, sam = self.detector.model, self.sam.model
        pixels = self.detector_input(images).to(detector.dtype)
        mask = pixels.new_ones(pixels[:, 0].shape).long()
        maps, positions = detector.model.backbone(pixels, mask)
        embeddings = sam.get_image_embeddings(
            self.sam_input(images).to(sam.dtype))
        sam_size = self.sam_input.resized(*images.shape[-2:])
        return [
            _Encoded(
                pixels[i:i + 1],
                # the model appends to the lists
                (tuple((x[i:i + 1], m[i:i + 1]) for x, m in maps),
                 tuple(x[i:i + 1] for x in positions)),
                embeddings[i:i + 1],
                sam_size) for i in range(len(images))
        ]

    def find(self, encoded: _Encoded, phrase: str) -> Tensor:
        """See :class:`TextSegmenter`."""
        boxes = self.find_boxes(encoded, phrase)
        if not len(boxes):
            return boxes.new_zeros(0, 1, 1)
        sam = self.sam.model
        height, width = encoded.sam_size
        corners = boxes * boxes.new_tensor([width, height, width, height])
        masks = sam(
            image_embeddings=encoded.sam,
            input_boxes=corners[None].to(sam.dtype),
            multimask_output=False).pred_masks[0]
        side = sam.config.vision_config.image_size
        masks = F.interpolate(
            masks.float(), (side, side), mode='bilinear', align_corners=False)
        return masks[:, 0, :height, :width]

    def find_boxes(self, encoded: _Encoded, phrase: str) -> Tensor:
        """Boxes of what a phrase names in one image, float32, (n, 4).

        Left, top, right and bottom, as shares of the image's width and height.
        """
        detector = self.detector.model
        own = detector.model.backbone
        maps, positions = encoded.features
        detector.model.backbone = _KnownFeatures(
            (list(maps), list(positions)), own.position_embedding)
        try:
            # Grounding DINO reads phrases in lower case that end with a dot
            outputs = detector(
                pixel_values=encoded.pixels,
                **self.detector.tokenize(f'{phrase.strip().lower()}.'))
        finally:
            detector.model.backbone = own
        scores = outputs.logits[0].float().sigmoid().amax(-1)
        boxes = outputs.pred_boxes[0][scores > self.box_threshold].float()
        centres, sizes = boxes[:, :2], boxes[:, 2:]
        return torch.cat([centres - sizes / 2, centres + sizes / 2], 1)
