# Copyright (c) mmteso contributors. All rights reserved.
from typing import TYPE_CHECKING, Any, List, Optional, Sequence, Tuple

from ..hf_loading import HFModelSource
from ..hf_models import BatchedGeneration, HFModel, check_generation
from ..prompt import load_caption_prompt
from ..registry import CAPTIONERS
from ..structures import Frame, LoadedFrame, ModelUnavailableError
from .base_captioner import BaseCaptioner

if TYPE_CHECKING:
    from PIL.Image import Image


@CAPTIONERS.register_module()
class TransformersCaptioner(BaseCaptioner):
    """An image-text model of transformers as captioner (paper 3.2).

    Any model of ``AutoModelForImageTextToText``, asked through its
    processor's chat template. torchvision isn't needed: without it,
    transformers prepares images with PIL.

    Args:
        model (str): Name on the Hugging Face Hub, or a local folder. Defaults
            to 'llava-hf/llava-1.5-7b-hf', the paper's.
        prompt (str): What it is asked: a name of
            :func:`mmteso.text_cues.prompt.caption_prompt_names`, or the path
            of a YAML file of the same form. Defaults to 'caption_paper'.
        template (str, optional): For models without chat template: the text
            around the prompt, e.g. ``'USER: <image>\\n{prompt} ASSISTANT:'``.
            Defaults to None.
        generation (dict, optional): Arguments of transformers' ``generate``.
            The checkpoint's own settings are not used. Defaults to None:
            greedy decoding, at most 256 new tokens [ours].
        batch_size (int, optional): Most frames at a time. Defaults to None:
            all that :meth:`caption` is given. Halved, with a warning, where
            the GPU's memory is too small.
        **kwargs: Revision, precision, device, quantization: see
            :class:`mmteso.text_cues.hf_loading.HFModelSource`.
    """

    reads = 'frame'

    def __init__(self,
                 model: str = 'llava-hf/llava-1.5-7b-hf',
                 prompt: str = 'caption_paper',
                 template: Optional[str] = None,
                 generation: Optional[dict] = None,
                 batch_size: Optional[int] = None,
                 **kwargs: Any) -> None:
        if template is not None and template.count('{prompt}') != 1:
            raise ValueError('template must have {prompt} in it, once, but '
                             f'is {template!r}')
        self.prompt = load_caption_prompt(prompt)
        self.prompt_hash = self.prompt.hash
        self.source = HFModelSource('image-text', model, **kwargs)
        self.name = self.source.name
        self.template = template
        self.generation = check_generation(generation, max_new_tokens=256)
        self._generate = BatchedGeneration(batch_size)
        self._model: Optional[HFModel] = None

    @property
    def model(self) -> HFModel:
        """The model, loaded when it is first asked for.

        Raises:
            ModelUnavailableError: If it can't be loaded, reads no images, or
                has no chat template and no ``template`` is given.
        """
        if self._model is None:
            model = self.source.load()
            self._check(model)
            self._model = model
        return self._model

    def _check(self, model: HFModel) -> None:
        """Whether the model can be asked."""
        if not hasattr(model.processor, 'image_processor'):
            raise ModelUnavailableError(
                f'"{self.name}" comes with no processor for images, but with '
                f'a {type(model.processor).__name__}.')
        if not (self.template or model.processor.chat_template):
            raise ModelUnavailableError(
                f'The model "{self.name}" has no chat template. Give the text '
                'that it expects as template, e.g. for LLaVA-1.5: '
                "template='USER: <image>\\n{prompt} ASSISTANT:'.")

    def _text(self, parts: Sequence[str]) -> str:
        """The prompt as the model reads it.

        Args:
            parts (Sequence[str]): What comes before the words: 'image' for
                each image, 'video' for each video.

        Returns:
            str: The text, with a token for each part.
        """
        if self.template is not None:
            return self.template.replace('{prompt}', self.prompt.text)
        content = [dict(type=part) for part in parts]
        content.append(dict(type='text', text=self.prompt.text))
        return self.model.apply_chat_template(
            self.model.processor, [dict(role='user', content=content)],
            add_generation_prompt=True)

    def _inputs(self, views: Sequence[Tuple['Image', ...]]) -> dict:
        """A batch for the model.

        Args:
            views (Sequence[tuple[PIL.Image.Image]]): The images that belong
                together, equally many each time.

        Returns:
            dict: What the processor makes of them and the prompt.
        """
        return self._process(
            self._text(['image'] * len(views[0])),
            images=[list(images) for images in views])

    def _process(self, text: str, **kwargs: Any) -> dict:
        """Have the processor make a batch of media, given as lists."""
        size = len(kwargs.get('images') or kwargs['videos'])
        if not self.model.add_special_tokens(text):
            kwargs['add_special_tokens'] = False
        return self.model.process(
            text=[text] * size, padding=True, return_tensors='pt', **kwargs)

    def _describe(self, views: Sequence[Tuple['Image', ...]]) -> List[str]:
        """Caption each of several views, ``batch_size`` at a time."""
        return self._generate(self.model, views, self._inputs,
                              self.generation)

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Load the model: see :meth:`BaseCaptioner.prepare`."""
        self.model

    def caption(self, frames: Sequence[LoadedFrame]) -> List[str]:
        """See :meth:`BaseCaptioner.caption`."""
        return self._describe([loaded.images for loaded in frames])
