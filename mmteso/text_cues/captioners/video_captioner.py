# Copyright (c) mmteso contributors. All rights reserved.
from typing import TYPE_CHECKING, Any, Dict, List, Sequence, Tuple

import numpy as np

from ..hf_models import HFModel
from ..registry import CAPTIONERS
from ..structures import Frame, LoadedFrame, ModelUnavailableError
from .transformers_captioner import TransformersCaptioner

if TYPE_CHECKING:
    from PIL.Image import Image


@CAPTIONERS.register_module()
class VideoCaptioner(TransformersCaptioner):
    """A video model of transformers as captioner (paper table D7).

    It sees frames of the whole clip, and all frames of the clip share its
    caption. The paper used VideoLLaMA-7b, which is not in transformers;
    models that are, and that read several frames, take its place (so the
    paper's row can't be repeated exactly). Needs transformers 4.52 or newer.

    [Not run with real weights: the tests use small random models in the same
    file format.]

    Args:
        model (str): Name on the Hugging Face Hub, or a local folder. Defaults
            to 'llava-hf/LLaVA-NeXT-Video-7B-hf'.
        inputs (str): How the model gets the frames: 'video', as one video,
            for which transformers needs torchvision, or 'images', as several
            images, for models that take them (e.g.
            'llava-hf/llava-interleave-qwen-7b-hf'). Defaults to 'video'.
        num_frames (int): Most frames of a clip, taken at equal distances.
            Defaults to 8 [ours].
        **kwargs: See :class:`TransformersCaptioner`. A ``template`` has
            ``{images}`` where the tokens of the images go, or the token of
            the video itself.
    """

    reads = 'clip'

    def __init__(self,
                 model: str = 'llava-hf/LLaVA-NeXT-Video-7B-hf',
                 inputs: str = 'video',
                 num_frames: int = 8,
                 **kwargs: Any) -> None:
        super().__init__(model, **kwargs)
        if inputs not in ('video', 'images'):
            raise ValueError("inputs must be 'video' or 'images', but got "
                             f'{inputs!r}')
        if num_frames < 1:
            raise ValueError(f'num_frames must be at least 1, but got '
                             f'{num_frames}')
        self.inputs = inputs
        self.num_frames = num_frames
        # the last batch's, because a clip may go on in the next one
        self._known: Dict[Tuple[str, Tuple[str, ...]], str] = {}

    def _check(self, model: HFModel) -> None:
        super()._check(model)
        if self.inputs == 'video' and not any(
                hasattr(model.processor, name)
                for name in ('video_processor', 'video_token')):
            raise ModelUnavailableError(
                f'"{self.name}" comes with no processor for videos. Take a '
                "video model, or inputs='images' for a model that reads "
                'several images.')

    def _sample(self, images: Sequence['Image']) -> Tuple['Image', ...]:
        """At most ``num_frames`` images, the first and last among them."""
        count = min(self.num_frames, len(images))
        places = np.linspace(0, len(images) - 1, count).round().astype(int)
        return tuple(images[place] for place in places)

    def _text(self, parts: Sequence[str]) -> str:
        text = super()._text(parts)
        if self.template is not None and '{images}' in text:
            token = self.model.processor.image_token
            text = text.replace('{images}', token * len(parts))
        return text

    def _inputs(self, views: Sequence[Tuple['Image', ...]]) -> dict:
        if self.inputs == 'images':
            return super()._inputs(views)
        options = {}
        # the frames are chosen already; some processors would choose again
        if hasattr(getattr(self.model.processor, 'video_processor', None),
                   'do_sample_frames'):
            options['do_sample_frames'] = False
        return self._process(
            self._text(['video']),
            videos=[list(images) for images in views],
            **options)

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Load the model: see :meth:`BaseCaptioner.prepare`.

        Raises:
            ValueError: If the frame source doesn't say which frames make up
                a clip.
        """
        lacking = [frame for frame in frames if not frame.clip_paths]
        if lacking:
            raise ValueError(
                f'{type(self).__name__} describes whole clips, but the frame '
                f'source gives no clip_paths for {lacking[0].key} and '
                f'{len(lacking) - 1} others.')
        super().prepare(frames)

    def caption(self, frames: Sequence[LoadedFrame]) -> List[str]:
        """See :meth:`BaseCaptioner.caption`.

        A clip is captioned once, also if its frames come in several batches,
        one after the other.
        """
        keys = [(loaded.frame.uid, loaded.frame.clip_paths)
                for loaded in frames]
        known = {key: self._known[key] for key in keys if key in self._known}
        # frames of a batch have to be equally many: one batch per number
        groups: Dict[int, Dict[tuple, Tuple['Image', ...]]] = {}
        for key, loaded in zip(keys, frames):
            if key not in known:
                view = self._sample(loaded.images)
                groups.setdefault(len(view), {})[key] = view
        for group in groups.values():
            known.update(zip(group, self._describe(list(group.values()))))
        self._known = known
        return [known[key] for key in keys]
