# Copyright (c) mmteso contributors. All rights reserved.
"""Batches of whole clips, for models that see several frames of a clip.

.. code-block:: python

    train_dataloader = dict(
        batch_size=4,  # clips, of any lengths
        sampler=dict(type='ClipSampler', shuffle=True),
        batch_sampler=dict(type='ClipBatchSampler'), ...)

A batch is a list of frames as any other. The metainfo tells which of them
belong together (:func:`mmteso.models.same_clip`).
"""
from typing import Iterator, List, Optional

from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmseg.registry import DATA_SAMPLERS
from torch.utils.data import BatchSampler, Dataset, Sampler


def clips_of(dataset: Dataset) -> List[List[int]]:
    """The indices of each clip's frames, in the data set's order.

    The data set is a :class:`BaseAVSDataset`, or mmengine's ``ConcatDataset``
    or ``RepeatDataset`` of such. A clip has the frames that are there: fewer
    where ``indices`` or ``missing='skip'`` leave some out. A ValueError if a
    frame comes twice in a row, as in ``ClassBalancedDataset``, which repeats
    frames one by one.
    """
    clips: List[List[int]] = []
    last = None
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        clip, frame = (info['subset'], info['uid']), info['frame']
        if last == (clip, frame):
            raise ValueError(
                f'frame {frame} of {"/".join(clip)} comes twice in a row: '
                f'{type(dataset).__name__} repeats frames, not clips. Leave '
                'it out, or sample frames one by one')
        # a clip that begins anew is repeated
        if last is None or clip != last[0] or frame < last[1]:
            clips.append([])
        clips[-1].append(index)
        last = clip, frame
    return clips


@DATA_SAMPLERS.register_module()
class ClipSampler(DefaultSampler):
    """mmengine's ``DefaultSampler`` over clips: gives lists of frames.

    Args:
        dataset (Dataset): See :func:`clips_of`.
        shuffle (bool): Whether to shuffle the clips, and to repeat some until
            all processes have as many, as training needs. A test must not: no
            frame may be scored twice. Defaults to True.
        seed (int, optional): As of ``DefaultSampler``.
    """

    def __init__(self,
                 dataset: Dataset,
                 shuffle: bool = True,
                 seed: Optional[int] = None) -> None:
        super().__init__(clips_of(dataset), shuffle, seed, round_up=shuffle)

    def __iter__(self) -> Iterator[List[int]]:
        return (self.dataset[clip] for clip in super().__iter__())


@DATA_SAMPLERS.register_module()
class InfiniteClipSampler(InfiniteSampler):
    """mmengine's ``InfiniteSampler`` over clips, for training by iterations:
    gives lists of frames. ``dataset``: see :func:`clips_of`."""

    def __init__(self,
                 dataset: Dataset,
                 shuffle: bool = True,
                 seed: Optional[int] = None) -> None:
        self.clips = clips_of(dataset)
        super().__init__(self.clips, shuffle, seed)

    def __iter__(self) -> Iterator[List[int]]:
        return (self.clips[clip] for clip in super().__iter__())


@DATA_SAMPLERS.register_module()
class ClipBatchSampler(BatchSampler):
    """Joins the frames of ``batch_size`` clips to a batch.

    Args:
        sampler (ClipSampler | InfiniteClipSampler): Built by the runner.
        batch_size (int): Clips in a batch: the loader's ``batch_size``.
        drop_last (bool): Whether to leave out a last batch of fewer clips.
            Defaults to False.
    """

    def __init__(self,
                 sampler: Sampler,
                 batch_size: int,
                 drop_last: bool = False) -> None:
        if not isinstance(sampler, (ClipSampler, InfiniteClipSampler)):
            raise TypeError(
                'ClipBatchSampler joins clips, but a '
                f'{type(sampler).__name__} gives frames: set '
                "sampler=dict(type='ClipSampler') or InfiniteClipSampler")
        super().__init__(sampler, batch_size, drop_last)

    def __iter__(self) -> Iterator[List[int]]:
        for clips in super().__iter__():
            yield [frame for clip in clips for frame in clip]
