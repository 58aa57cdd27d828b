# Copyright (c) mmteso contributors. All rights reserved.
from typing import Any, List

from mmseg.registry import MODELS
from torch import Tensor

from .frozen_model import FrozenTransformersModel
from .image_input import ImageInput
from .text_segmenter import TextSegmenter

# as its processor has them; longer phrases are cut
_TOKENS = 32


@MODELS.register_module()
class SAM3Segmenter(TextSegmenter):
    """SAM 3 of transformers as it is: the objects that a noun phrase names.

    Args:
        pretrained (str): SAM 3, such as ``facebook/sam3`` (access is asked
            for): a folder or an id on the Hugging Face Hub.
        score_threshold (float): An object counts if its score is greater.
            Defaults to 0.3, as in transformers' post-processing.
        mask_threshold (float): See :class:`TextSegmenter`. Defaults to 0.5.
        dtype (str): See :class:`FrozenTransformersModel`. Defaults to
            'float32'.

    Raises:
        ImportError: If the installed transformers has no SAM 3.
    """

    def __init__(self,
                 pretrained: str,
                 score_threshold: float = 0.3,
                 mask_threshold: float = 0.5,
                 dtype: str = 'float32') -> None:
        super().__init__(mask_threshold)
        self.score_threshold = score_threshold
        self.sam3 = FrozenTransformersModel(pretrained, 'Sam3Model', dtype)
        self.image_input = ImageInput(pretrained)

    def encode_image(self, images: Tensor) -> List[Any]:
        """A ``Sam3VisionEncoderOutput`` for each image."""
        self.sam3.init_weights()
        model = self.sam3.model
        encoded = model.get_vision_features(
            self.image_input(images).to(model.dtype))
        levels, positions = (encoded.fpn_hidden_states,
                             encoded.fpn_position_encoding)
        return [
            type(encoded)(
                fpn_hidden_states=tuple(x[i:i + 1] for x in levels),
                # the same for all images
                fpn_position_encoding=tuple(x[:1] for x in positions))
            for i in range(len(images))
        ]

    def find(self, encoded: Any, phrase: str) -> Tensor:
        """See :class:`TextSegmenter`."""
        outputs = self.sam3.model(
            vision_embeds=encoded,
            **self.sam3.tokenize(
                phrase, padding='max_length', max_length=_TOKENS))
        scores = outputs.pred_logits[0].float().sigmoid()
        if outputs.presence_logits is not None:
            scores = scores * outputs.presence_logits[0].float().sigmoid()
        return outputs.pred_masks[0][scores > self.score_threshold]
