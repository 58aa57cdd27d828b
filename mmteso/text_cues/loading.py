# Copyright (c) mmteso contributors. All rights reserved.
"""Reading the images ahead of the captioner."""
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from PIL import Image

from mmteso.io import read_image
from .structures import Frame, LoadedFrame


class LoadedBatch(NamedTuple):
    """A batch of frames with their images.

    Attributes:
        loaded (list[LoadedFrame]): The frames that could be read.
        broken (list[tuple[Frame, str]]): The others, and why not.
    """
    loaded: List[LoadedFrame]
    broken: List[Tuple[Frame, str]]


def load_batch(frames: Sequence[Frame], reads: Optional[str]) -> LoadedBatch:
    """Read what a captioner reads of some frames.

    Args:
        frames (Sequence[Frame]): The frames.
        reads (str, optional): 'frame', 'clip' or None: see
            :class:`mmteso.text_cues.LoadedFrame`.

    Returns:
        LoadedBatch: The frames. One whose image is missing or broken doesn't
        cost the others.

    Raises:
        ValueError: If ``reads`` is nothing of these.
    """
    if reads not in ('frame', 'clip', None):
        raise ValueError("A captioner reads 'frame', 'clip' or None, but got "
                         f'{reads!r}')
    batch = LoadedBatch([], [])
    images = {}  # frames of a clip share theirs
    for frame in frames:
        paths = dict(frame=(frame.img_path, ), clip=frame.clip_paths).get(
            reads, ())
        try:
            for path in paths:
                if path not in images:
                    images[path] = Image.fromarray(read_image(path))
        except (OSError, ValueError) as error:
            batch.broken.append((frame, str(error)))
            continue
        batch.loaded.append(
            LoadedFrame(frame, tuple(images[path] for path in paths)))
    return batch


def iter_batches(frames: Sequence[Frame],
                 reads: Optional[str],
                 batch_size: int,
                 num_workers: int = 2) -> Iterator[LoadedBatch]:
    """Read batches ahead, in threads.

    Args:
        frames (Sequence[Frame]): All frames.
        reads (str, optional): What the captioner reads.
        batch_size (int): Frames of a batch.
        num_workers (int): Threads, and batches that are read ahead.
            Defaults to 2.

    Yields:
        LoadedBatch: The batches, in order.
    """
    parts = (frames[start:start + batch_size]
             for start in range(0, len(frames), batch_size))
    with ThreadPoolExecutor(num_workers, 'frames') as pool:
        waiting = deque()
        try:
            for part in parts:
                waiting.append(pool.submit(load_batch, part, reads))
                if len(waiting) > num_workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
