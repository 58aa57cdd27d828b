# Copyright (c) mmteso contributors. All rights reserved.
from typing import Any, List, Union

from ..hf_models import HFModel
from ..registry import REASONERS
from ..structures import Conversation
from .transformers_reasoner import TransformersReasoner


@REASONERS.register_module()
class CaptionerReasoner(TransformersReasoner):
    """The captioning model as reasoner (LLaVA + LLaVA of paper table D7).

    It is asked in words only, without the image. With the captioner's
    ``model`` and the same loading options, the model is in memory once::

        llava = dict(model='llava-hf/llava-1.5-7b-hf', dtype='bfloat16')
        captioner = dict(type='TransformersCaptioner', **llava)
        reasoner = dict(type='CaptionerReasoner', **llava)

    Args:
        model (str): Name on the Hugging Face Hub, or a local folder, of an
            image-text model. Defaults to 'llava-hf/llava-1.5-7b-hf'.
        **kwargs: See :class:`TransformersReasoner`.
    """

    kind = 'image-text'

    def __init__(self,
                 model: str = 'llava-hf/llava-1.5-7b-hf',
                 **kwargs: Any) -> None:
        super().__init__(model, **kwargs)

    def _template_owner(self, model: HFModel) -> Any:
        return model.processor

    def _messages(self, conversation: Conversation) -> List[dict]:
        # the templates of processors expect contents in parts
        return [
            dict(
                role=message['role'],
                content=[dict(type='text', text=message['content'])])
            for message in conversation
        ]

    def _tokenize(self, text: Union[str, List[str]], **kwargs: Any):
        # as with images: see HFModel.add_special_tokens
        first = text if isinstance(text, str) else text[0]
        return self.model.tokenize(
            text,
            add_special_tokens=self.model.add_special_tokens(first),
            **kwargs)
