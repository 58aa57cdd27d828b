# Copyright (c) mmteso contributors. All rights reserved.
"""What the parts of cue generation are, and what travels between them."""
from abc import ABCMeta, abstractmethod
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from mmengine.registry import Registry

#: Models that describe a frame.
CAPTIONERS = Registry(
    'captioner', scope='mmseg', locations=['mmteso.text_cues.captioners'])
#: Models, or rules, that name the objects of a description that could sound.
REASONERS = Registry(
    'reasoner', scope='mmseg', locations=['mmteso.text_cues.reasoners'])
#: Where the frames come from.
FRAME_SOURCES = Registry(
    'frame source', scope='mmseg', locations=['mmteso.text_cues.frames'])

#: A chat: messages ``{'role': 'system' | 'user' | 'assistant', 'content':
#: text}``, the last one from the user.
Conversation = List[Dict[str, str]]


class ModelUnavailableError(RuntimeError):
    """A model or server that can't serve any frame: the run has to stop."""


class Frame(NamedTuple):
    """A frame that is to get text cues."""
    uid: str  #: The clip.
    frame: int  #: From 0.
    img_path: str
    #: The images of all frames of the clip, in time order, for captioners
    #: that look at the video.
    clip_paths: Tuple[str, ...] = ()
    labels: Optional[Tuple[str, ...]] = None  #: The video's, if there are any.

    @property
    def key(self) -> Tuple[str, int]:
        """What identifies the frame in a cue file."""
        return self.uid, self.frame


class LoadedFrame(NamedTuple):
    """A frame and the RGB images (PIL) that a captioner reads of it."""
    frame: Frame
    images: tuple = ()


class ChatFailure(NamedTuple):
    """Why (``error``) a model gave no answer; the request itself may have been
    ``refused``, or the server ``unreachable``."""
    error: str
    refused: bool = False
    unreachable: bool = False


class CutText(str):
    """What a model had said when its tokens were used up."""


#: What is wrong with an answer that was cut off.
CUT_OFF = ('the answer is cut off: the model needs a larger max_tokens (a '
           'local one max_new_tokens), or never ends')

#: A model's answer.
Reply = Union[str, ChatFailure]


class Reasoning(NamedTuple):
    """What a reasoner found out about a frame."""
    #: Names of objects that could sound, most likely first; may be empty.
    cues: Tuple[str, ...]
    text: str = ''  #: The model's raw answer.
    error: str = ''  #: Why there are no cues; '' if the frame was served.


class BaseCaptioner(metaclass=ABCMeta):
    """Describes frames in words (paper 3.2)."""

    name: str  #: The model, as the cue file records it.
    #: What is loaded for it: 'frame', the frame's image; 'clip', those of the
    #: whole clip; None, no image.
    reads: Optional[str] = 'frame'
    prompt_hash: str = ''  #: SHA-256 of its prompt's file; '' without one.

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Find out, before the first batch, whether all can be served."""

    @abstractmethod
    def caption(self, frames: Sequence[LoadedFrame]) -> List[Reply]:
        """Describe a batch of frames, or say why one can't be described; a
        ModelUnavailableError if none at all can."""


class BaseReasoner(metaclass=ABCMeta):
    """Names the objects of a scene that could sound (paper 3.2)."""

    name: str  #: The model or rule, as the cue file records it.
    prompt_name: str = ''  #: '' without a prompt.
    prompt_hash: str = ''  #: SHA-256 of the prompt's file; '' without one.
    needs_caption: bool = True  #: Whether it reads the frames' descriptions.

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Find out, before the first batch, whether all can be served."""

    @abstractmethod
    def reason(self, frames: Sequence[Frame],
               captions: Sequence[str]) -> List[Reasoning]:
        """Name the objects of a batch of frames that could sound; a
        ModelUnavailableError if no frame at all can be served. The captions
        are '' for a reasoner that doesn't need any."""
