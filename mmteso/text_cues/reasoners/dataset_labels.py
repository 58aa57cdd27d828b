# Copyright (c) mmteso contributors. All rights reserved.
from typing import List, Optional, Sequence

from mmengine.logging import print_log

from mmteso.io import normalize_phrase
from ..registry import REASONERS
from ..structures import Frame, Reasoning
from .base_reasoner import BaseReasoner


@REASONERS.register_module()
class DatasetLabels(BaseReasoner):
    """The data set's own labels as cues, no model asked (paper, table D7).

    AVSBench names, in the column ``a_obj`` of ``metadata.csv``, the objects
    that sound in a video; the labels of its test split, too, so this row of
    the paper's table is not a result that a video without labels can have.
    All frames of a video get the same cues, in the column's order.

    The known dirt of the column ('h orse') is cleaned where it is read
    (:func:`mmteso.datasets.avsbench_meta.parse_a_obj`). A label is written
    with spaces, as all cues are compared: 'emergency-car' gives 'emergency
    car'. A frame without label gets no cue, which is no failure.

    Args:
        num_cues (int, optional): Largest number of cues, N_T; None keeps all.
            Of AVSBench's 11,356 clips 10 have more than 4 labels. Defaults to
            4.
        no_object (Sequence[str]): Labels that name no object, and give no
            cue. Defaults to AVSBench's 'off-the-screen' and 'background'.

    Raises:
        TypeError: If ``no_object`` is a single string.
        ValueError: If ``num_cues`` is below 1.
    """

    name = 'dataset_labels'
    needs_caption = False

    def __init__(
        self,
        num_cues: Optional[int] = 4,
        no_object: Sequence[str] = ('off-the-screen', 'background')
    ) -> None:
        if num_cues is not None and num_cues < 1:
            raise ValueError('num_cues must be at least 1, or None for all, '
                             f'but got {num_cues}')
        if isinstance(no_object, str):
            raise TypeError('no_object must be a sequence of labels, but got '
                            f'the string {no_object!r}')
        self.num_cues = num_cues
        # '' is what a label of nothing but separators comes down to
        self._no_object = {'', *map(normalize_phrase, no_object)}

    def prepare(self, frames: Sequence[Frame]) -> None:
        """Check that the source of the frames gives labels.

        Args:
            frames (Sequence[Frame]): The frames of the run.

        Raises:
            ValueError: If it doesn't.
        """
        unknown = [frame for frame in frames if frame.labels is None]
        if unknown:
            raise ValueError(
                f'{len(unknown)} of the {len(frames)} frames come from a '
                f'source that gives no labels (first: frame '
                f'{unknown[0].frame} of "{unknown[0].uid}"). DatasetLabels '
                'needs one that does, as the AVSBench data sets; for other '
                'frames choose another reasoner.')
        empty = sum(not self._cues(frame) for frame in frames)
        if empty:
            print_log(
                f'{empty} of the {len(frames)} frames have no label that '
                'names an object, and will have no cue.',
                logger='current')

    def _cues(self, frame: Frame) -> List[str]:
        """All cues of a frame."""
        cues = map(normalize_phrase, frame.labels)
        return [cue for cue in dict.fromkeys(cues)
                if cue not in self._no_object]

    def reason(self, frames: Sequence[Frame],
               captions: Sequence[str]) -> List[Reasoning]:
        """Take the labels; the captions are not read.

        Args:
            frames (Sequence[Frame]): A batch.
            captions (Sequence[str]): Anything.

        Returns:
            list[Reasoning]: One per frame, with all of its labels as text.

        Raises:
            ValueError: If a frame comes from a source without labels.
        """
        if any(frame.labels is None for frame in frames):
            self.prepare(frames)
        return [
            Reasoning(
                tuple(self._cues(frame)[:self.num_cues]),
                ', '.join(frame.labels)) for frame in frames
        ]
