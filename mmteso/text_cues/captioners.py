# Copyright (c) mmteso contributors. All rights reserved.
"""Captioners: models that describe frames, or captions that are there."""
import base64
import io
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from mmteso.choices import check_choices
from .base import (CAPTIONERS, BaseCaptioner, Frame, LoadedFrame,
                   ModelUnavailableError, Reply)
from .http_model import HTTPModel
from .local_model import LocalModel
from .prompt import load_caption_prompt
from .text_file import FromFile


@CAPTIONERS.register_module()
class TransformersCaptioner(BaseCaptioner):
    """An image-text model of transformers as captioner (paper 3.2).

    Args:
        model (str): Any of ``AutoModelForImageTextToText``: name on the
            Hugging Face Hub, or a local folder.
        prompt (str): What it is asked: name or path of a YAML file, see
            :mod:`mmteso.text_cues.prompt`.
        template (str, optional): For models without chat template: the text
            around the prompt, e.g. ``'USER: <image>\\n{prompt} ASSISTANT:'``.
        **kwargs: Generation (at most 256 new tokens [ours] by default) and
            loading: see :class:`mmteso.text_cues.local_model.LocalModel`.
    """

    def __init__(self, model: str = 'llava-hf/llava-1.5-7b-hf',
                 prompt: str = 'caption_paper',
                 template: Optional[str] = None, **kwargs: Any) -> None:
        if template is not None and '{prompt}' not in template:
            raise ValueError(f'template must have {{prompt}}: {template!r}')
        self.prompt = load_caption_prompt(prompt)
        self.prompt_hash = self.prompt.hash
        self.template = template
        self.model = LocalModel(
            'image-text', model, **dict(dict(max_new_tokens=256), **kwargs))
        self.name = self.model.name

    def _text(self, parts: Sequence[str]) -> str:
        """The prompt after as many 'image' or 'video' parts."""
        if self.template is not None:
            return self.template.replace('{prompt}', self.prompt.text)
        content = [dict(type=part) for part in parts]
        content.append(dict(type='text', text=self.prompt.text))
        return self.model.render([dict(role='user', content=content)])

    def _describe(self, views: Sequence[tuple]) -> List[str]:
        """Caption several views of equally many images."""
        text = self._text(['image'] * len(views[0]))
        return self.model.generate([text] * len(views),
                                   dict(images=[list(v) for v in views]))

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Load the model, and try its template."""
        self.model.loaded
        self._text(['image'])

    def caption(self, frames: Sequence[LoadedFrame]) -> List[Reply]:
        return self._describe([loaded.images for loaded in frames])


@CAPTIONERS.register_module()
class VideoCaptioner(TransformersCaptioner):
    """A video model of transformers as captioner (paper table D7).

    All frames of a clip share its caption. The paper's VideoLLaMA-7b is not in
    transformers; models that are take its place.

    Args:
        model (str): Name on the Hugging Face Hub, or a local folder.
        inputs (str): How the model gets the frames: 'video', as one video,
            for which transformers needs torchvision, or 'images', as several
            images (e.g. 'llava-hf/llava-interleave-qwen-7b-hf').
        num_frames (int): Most frames of a clip, taken at equal distances
            [8 is ours].
        **kwargs: See :class:`TransformersCaptioner`. A ``template`` has
            ``{images}`` where the tokens of the images go, or the token of
            the video itself.
    """

    reads = 'clip'

    def __init__(self, model: str = 'llava-hf/LLaVA-NeXT-Video-7B-hf',
                 inputs: str = 'video', num_frames: int = 8,
                 **kwargs: Any) -> None:
        super().__init__(model, **kwargs)
        check_choices(inputs=(inputs, ('video', 'images')))
        self.inputs, self.num_frames = inputs, num_frames
        # the last batch's, because a clip may go on in the next one
        self._known: Dict[tuple, str] = {}

    def _text(self, parts: Sequence[str]) -> str:
        text = super()._text(['video'] if self.inputs == 'video' else parts)
        if self.template is not None and '{images}' in text:
            token = self.model.loaded.processor.image_token
            text = text.replace('{images}', token * len(parts))
        return text

    def _describe(self, views: Sequence[tuple]) -> List[str]:
        if self.inputs == 'images':
            return super()._describe(views)
        # the frames are chosen already; some processors would choose again
        self.model.loaded.processor.video_processor.do_sample_frames = False
        return self.model.generate([self._text(['video'])] * len(views),
                                   dict(videos=[list(v) for v in views]))

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Load the model, and see whether it reads such frames."""
        if not all(frame.clip_paths for frame in frames):
            raise ValueError('VideoCaptioner describes whole clips, but the '
                             'frame source gives no clip_paths.')
        super().prepare(frames)
        if self.inputs == 'video' and not hasattr(
                self.model.loaded.processor, 'video_processor'):
            raise ModelUnavailableError(
                f'"{self.name}" comes with no processor for videos. Take a '
                "video model, or inputs='images' for one of several images.")

    def caption(self, frames: Sequence[LoadedFrame]) -> List[Reply]:
        """See :meth:`BaseCaptioner.caption`; each clip is captioned once."""
        keys = [(frame.uid, frame.clip_paths) for frame, _ in frames]
        known = {key: self._known[key] for key in keys if key in self._known}
        # clips of a batch have to be equally long: one batch per length
        groups: Dict[int, Dict[tuple, tuple]] = {}
        for key, (_, images) in zip(keys, frames):
            if key not in known:
                count = min(self.num_frames, len(images))
                places = np.linspace(0, len(images) - 1, count).round()
                groups.setdefault(count, {})[key] = tuple(
                    images[int(place)] for place in places)
        for group in groups.values():
            known.update(zip(group, self._describe(list(group.values()))))
        self._known = known
        return [known[key] for key in keys]


@CAPTIONERS.register_module()
class OpenAICaptioner(BaseCaptioner):
    """An image-text model behind an OpenAI-compatible endpoint. [ours]

    The frame is sent as PNG in a data URL.

    Args:
        prompt (str): See :class:`TransformersCaptioner`.
        base_url, model, **kwargs: See
            :class:`mmteso.text_cues.http_model.HTTPModel`.
    """

    def __init__(self, base_url: str, model: str,
                 prompt: str = 'caption_paper', **kwargs: Any) -> None:
        self.prompt = load_caption_prompt(prompt)
        self.prompt_hash = self.prompt.hash
        self.model = HTTPModel(base_url, model, **kwargs)
        self.name = model

    def caption(self, frames: Sequence[LoadedFrame]) -> List[Reply]:
        conversations = []
        for _, images in frames:
            file = io.BytesIO()
            images[0].save(file, 'PNG')
            data = base64.b64encode(file.getvalue()).decode()
            url = dict(url=f'data:image/png;base64,{data}')
            content = [dict(type='image_url', image_url=url),
                       dict(type='text', text=self.prompt.text)]
            conversations.append([dict(role='user', content=content)])
        return self.model.chat(conversations)


@CAPTIONERS.register_module()
class FixedCaptions(FromFile, BaseCaptioner):
    """Reads captions that exist already, e.g. for several reasoners.

    Args:
        captions_file (str): A cue file with captions, or another file that
            :class:`mmteso.text_cues.text_file.FromFile` reads.
        name (str, optional): Who wrote the captions; to be given if the file
            names nobody, or several.
        missing (str): A frame without caption: 'error' stops the run before
            its first batch, 'fail' records the frame as failed.
    """

    reads = None

    def __init__(self, captions_file: str, name: Optional[str] = None,
                 missing: str = 'error') -> None:
        super().__init__(captions_file, 'caption', name, missing)

    def caption(self, frames: Sequence[LoadedFrame]) -> List[Reply]:
        return [self.find(loaded.frame) for loaded in frames]
