# Copyright (c) mmteso contributors. All rights reserved.
from typing import List

from mmseg.registry import MODELS
from torch import Tensor

from .frozen_model import FrozenTransformersModel
from .image_input import ImageInput
from .text_segmenter import TextSegmenter


@MODELS.register_module()
class CLIPSegSegmenter(TextSegmenter):
    """CLIPSeg as it is: small, and its weights are free to download.

    Its masks are coarse, and pictures are squeezed to its square input, as
    its own processor does.

    Args:
        pretrained (str): CLIPSeg, such as ``CIDAS/clipseg-rd64-refined``: a
            folder or an id on the Hugging Face Hub.
        template (str): What CLIPSeg is asked for a phrase. Defaults to
            'a photo of a {cue}.'.
        mask_threshold (float): See :class:`TextSegmenter`. Defaults to 0.5.
        dtype (str): See :class:`FrozenTransformersModel`. Defaults to
            'float32'.
    """

    def __init__(self,
                 pretrained: str,
                 template: str = 'a photo of a {cue}.',
                 mask_threshold: float = 0.5,
                 dtype: str = 'float32') -> None:
        super().__init__(mask_threshold)
        if '{cue}' not in template:
            raise ValueError(
                f"template must hold '{{cue}}', but got {template!r}")
        self.template = template
        self.clipseg = FrozenTransformersModel(
            pretrained, 'CLIPSegForImageSegmentation', dtype)
        self.image_input = ImageInput(pretrained)

    def encode_image(self, images: Tensor) -> List[List[Tensor]]:
        """What the decoder reads of the vision transformer's layers, for each
        image, (1, 1 + L, D) each.
        """
        self.clipseg.init_weights()
        model = self.clipseg.model
        layers = model.clip.vision_model(
            self.image_input(images).to(model.dtype),
            output_hidden_states=True).hidden_states
        return [[
            layers[index + 1][i:i + 1] for index in model.extract_layers
        ] for i in range(len(images))]

    def find(self, encoded: List[Tensor], phrase: str) -> Tensor:
        """See :class:`TextSegmenter`; one mask of the decoder's size."""
        model = self.clipseg.model
        text = model.get_conditional_embeddings(
            batch_size=1,
            **self.clipseg.tokenize(self.template.format(cue=phrase)))
        logits = model.decoder(encoded, text).logits
        return logits.reshape(1, *logits.shape[-2:])
