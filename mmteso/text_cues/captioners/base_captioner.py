# Copyright (c) mmteso contributors. All rights reserved.
from abc import ABCMeta, abstractmethod
from typing import List, Optional, Sequence, Union

from ..structures import ChatFailure, Frame, LoadedFrame


class BaseCaptioner(metaclass=ABCMeta):
    """Describes frames in words (paper 3.2).

    Attributes:
        name (str): The model, as the cue file records it.
        reads (str, optional): What has to be loaded for it: 'frame', the
            frame's image; 'clip', those of the whole clip; None, no image.
        prompt_hash (str): SHA-256, in hex, of the prompt that the model is
            asked with; '' if it isn't asked.
    """

    name: str
    reads: Optional[str] = 'frame'
    prompt_hash: str = ''

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Check, before the first batch, that the frames can be described.

        Called once, with all frames that will be asked for. Does nothing by
        default; a captioner that can tell already now that it would fail
        raises here, not after hours of work.

        Args:
            frames (Sequence[Frame]): The frames of the run.
        """

    @abstractmethod
    def caption(
            self,
            frames: Sequence[LoadedFrame]) -> List[Union[str, ChatFailure]]:
        """Describe frames.

        Args:
            frames (Sequence[LoadedFrame]): A batch, in clip order.

        Returns:
            list[str | ChatFailure]: One description per frame, or why there
            is none.

        Raises:
            ModelUnavailableError: If no frame at all can be served.
        """
