# Copyright (c) mmteso contributors. All rights reserved.
"""What travels between the parts of cue generation."""
import dataclasses
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple

if TYPE_CHECKING:
    from PIL import Image

#: A chat: messages of the form ``{'role': 'system' | 'user' | 'assistant',
#: 'content': text}``, the last one from the user.
Conversation = List[Dict[str, str]]


@dataclasses.dataclass(frozen=True)
class Frame:
    """A frame that is to get text cues.

    Args:
        uid (str): The clip.
        frame (int): The frame, from 0.
        img_path (str): Its image.
        clip_paths (tuple[str]): The images of all frames of the clip, in time
            order, for captioners that look at the video.
        labels (tuple[str], optional): The video's labels as the data set
            gives them; None if it gives none. Defaults to None.
    """
    uid: str
    frame: int
    img_path: str
    clip_paths: Tuple[str, ...] = ()
    labels: Optional[Tuple[str, ...]] = None

    @property
    def key(self) -> Tuple[str, int]:
        """What identifies the frame in a cue file."""
        return self.uid, self.frame


@dataclasses.dataclass(frozen=True)
class LoadedFrame:
    """A frame with what a captioner reads of it.

    Args:
        frame (Frame): The frame.
        images (tuple[PIL.Image.Image]): RGB images: the frame's own for
            captioners with ``reads = 'frame'``, those of the whole clip for
            ``reads = 'clip'``, none for ``reads = None``.
    """
    frame: Frame
    images: Tuple['Image.Image', ...] = ()


@dataclasses.dataclass(frozen=True)
class ChatFailure:
    """A conversation, or a frame, that a model could give no answer to.

    For failures that concern this one, although it was tried again. A model
    or server that can serve none at all raises
    :class:`mmteso.text_cues.ModelUnavailableError` instead.

    Args:
        error (str): What went wrong, for people.
    """
    error: str


@dataclasses.dataclass(frozen=True)
class Reasoning:
    """What a reasoner found out about a frame.

    Args:
        cues (tuple[str]): Names of objects that could sound, most likely
            first; may be empty.
        text (str): The model's raw answer. Defaults to ''.
        error (str): Why there are no cues; '' if the frame was served.
            Defaults to ''.
    """
    cues: Tuple[str, ...]
    text: str = ''
    error: str = ''

    @property
    def failed(self) -> bool:
        """Whether no cues could be obtained."""
        return bool(self.error)


class ModelUnavailableError(RuntimeError):
    """A model or server that can't serve any frame: the run has to stop."""
