# Copyright (c) mmteso contributors. All rights reserved.
"""Batches that depend on their number alone, for both of mmengine's loops."""
import functools
import itertools
import random
import signal
import threading
from collections import deque
from typing import Any, Deque, Iterator, List, Sequence, Tuple, Union

import numpy as np
import torch
from mmengine.dataset import InfiniteSampler
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from mmengine.runner.loops import _InfiniteDataloaderIterator
from torch.utils.data import DataLoader, Dataset

from mmteso.datasets import frame_name
from mmteso.logs import warn

# Three independent families of random streams.
MODEL_STREAM, EPOCH_STREAM, DATA_STREAM = range(3)


def derive_seed(seed: int, rank: int, stream: int, step: int) -> int:
    """A seed in [0, 2**32) for one step of one process and stream."""
    words = np.random.SeedSequence((seed, rank, stream, step))
    return int(words.generate_state(1, dtype=np.uint32)[0])


def seed_cpu(seed: int) -> None:
    """Seed Python's, NumPy's and torch's CPU generator."""
    random.seed(seed)
    np.random.seed(seed)
    # not torch.manual_seed: that seeds the GPUs as well
    torch.random.default_generator.manual_seed(seed)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


class NumberedBatches:
    """A batch sampler that also says the number of each batch.

    ``number`` is that of the next one, counted over all epochs.
    """

    def __init__(self, batches, number: int) -> None:
        self.batches = batches
        self.number = number
        self.skip = 0
        self.drawn: Deque[Tuple[int, List[int]]] = deque(maxlen=1000)

    def __iter__(self) -> Iterator[Tuple[int, List[int]]]:
        skip, self.skip = self.skip, 0
        for indices in itertools.islice(self.batches, skip, None):
            self.drawn.append((self.number, indices))
            self.number += 1
            yield self.drawn[-1]

    def restart(self, number: int, skip: int) -> None:
        """Begin anew with batch ``number``, after ``skip`` of the sampler."""
        self.drawn.clear()
        self.number, self.skip = number, skip
        if isinstance(self.sampler, InfiniteSampler):
            self.sampler.indices = self.sampler._indices_of_rank()

    def __len__(self) -> int:
        return len(self.batches)

    def __getattr__(self, name: str) -> Any:
        if name == 'batches':  # not there yet: copied or unpickled
            raise AttributeError(name)
        return getattr(self.batches, name)


def _load(dataset: Dataset, seed: int, rank: int,
          batch: Tuple[int, Sequence[int]]) -> List[Any]:
    """The samples of a numbered batch, in whichever process."""
    number, indices = batch
    seed_cpu(derive_seed(seed, rank, DATA_STREAM, number))
    return [dataset[index] for index in indices]


class _WatchedLoader(DataLoader):
    """Says what its workers were loading when one died, or starts them anew.

    ``restarts`` is how often in a row.
    """

    restarts = 0
    handler: Any = None  # of SIGCHLD, before

    def __iter__(self) -> Iterator[Any]:
        numbered = self.batch_sampler
        number, skip, died = numbered.number, numbered.skip, 0
        while True:
            try:
                # also notices a persistent worker that died between epochs
                before = signal.getsignal(signal.SIGCHLD)
                batches = super().__iter__()
                if self.num_workers and _in_main_thread():
                    # torch's handler raises wherever the training is
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    if self.handler is None:
                        self.handler = before
                for batch in batches:
                    yield batch
                    number, skip, died = number + 1, skip + 1, 0
                return
            except RuntimeError as error:
                if 'DataLoader worker (pid' not in str(error):
                    raise
                died += 1
                report = self._report(number, error)
                if died > self.restarts:
                    raise RuntimeError(report) from error
            warn(f'{report} Workers are started anew, {died} of '
                 f'{self.restarts} times; no frame is lost.')
            self._iterator = None
            numbered.restart(number, skip)

    def _report(self, number: int, error: RuntimeError) -> str:
        frames = [
            self._name(index) for drawn, indices in self.batch_sampler.drawn
            if drawn >= number for index in indices
        ]
        return (f'{error!s}: a worker died, at iteration {number + 1}. Was '
                'there too little memory? Being loaded: '
                f'{"; ".join(frames[:20])}, {len(frames)} frames in all.')

    def _name(self, index: int) -> str:
        try:
            return frame_name(self.dataset.get_data_info(index))
        except (AttributeError, KeyError):  # no frames
            return f'sample {index}'


class _Endless:
    """In place of mmengine's iterator over all epochs of a loader."""

    def __init__(self, loader: DataLoader, epoch: int, discard: int) -> None:
        self._batches = self._epochs(loader, epoch)
        self._discard = discard

    @staticmethod
    def _epochs(loader: DataLoader, epoch: int) -> Iterator[Any]:
        for number in itertools.count(epoch):
            # not loader.sampler: torch's own, beside a batch sampler
            sampler = loader.batch_sampler.sampler
            if hasattr(sampler, 'set_epoch'):
                sampler.set_epoch(number)
            yield from loader

    def __iter__(self) -> '_Endless':
        return self

    def __next__(self) -> Any:
        if self._discard:
            self._discard -= 1
            return None  # the loop throws it away
        return next(self._batches)

    def skip_iter(self, num_iters: int) -> None:
        """The loop asks for it when it resumes; it has been done already."""

    def close(self) -> None:
        self._batches.close()


def seed_batches(loop: Union[IterBasedTrainLoop, EpochBasedTrainLoop],
                 seed: int, rank: int, restarts: int = 0) -> None:
    """Make a loop's batches repeatable from its iteration on.

    Batch i of a process, counted from the start of the training on, is loaded
    with generators seeded from (seed, rank, i). So a resumed training sees
    the batches that it would have seen, each epoch has random transforms of
    its own, and the number of workers changes nothing. Batches before the
    loop's iteration are not loaded. The loop's ``dataloader`` is adapted, and
    its ``dataloader_iterator`` replaced. Workers that died are started anew
    as often as ``restarts`` in a row.
    """
    loader = loop.dataloader
    numbered = NumberedBatches(loader.batch_sampler, loop.iter)
    # DataLoader lets nobody change this after its construction
    object.__setattr__(loader, 'batch_sampler', numbered)
    # what torch's loaders call for a whole batch, if there is such a method
    loader.dataset.__getitems__ = functools.partial(_load, loader.dataset,
                                                    seed, rank)
    kind = type(loader)
    loader.__class__ = type(kind.__name__, (_WatchedLoader, kind), {})
    loader.restarts = restarts
    if isinstance(loop, EpochBasedTrainLoop):
        # into the epoch of the checkpoint; more than an epoch if the number
        # of processes changed
        done = loop.iter - loop.epoch * len(loader)
        if 0 < done <= len(loader):
            loop._epoch += done // len(loader)
            numbered.skip = done % len(loader)
        return
    # mmengine 0.10.7 makes an iterator together with the loop, whose workers
    # have drawn indices by now; and it skips what was trained by as many
    # calls of next(), later versions by skip_iter()
    loader._iterator = None
    discard = 0 if hasattr(_InfiniteDataloaderIterator,
                           'skip_iter') else loop.iter
    epoch, skip = 0, loop.iter
    if not isinstance(numbered.sampler, InfiniteSampler):
        epoch, skip = divmod(loop.iter, len(loader))
    numbered.restart(loop.iter, skip)
    loop.dataloader_iterator = _Endless(loader, epoch, discard)


def release_batches(loop: Union[IterBasedTrainLoop,
                                EpochBasedTrainLoop]) -> None:
    """Stop a loop's workers and give its loader back as it was."""
    loader = loop.dataloader
    if not isinstance(loader.batch_sampler, NumberedBatches):
        return
    if isinstance(loop, IterBasedTrainLoop):
        loop.dataloader_iterator.close()
    loader._iterator = None  # where persistent workers are kept
    if loader.handler is not None and _in_main_thread():
        signal.signal(signal.SIGCHLD, loader.handler)
        del loader.handler
    object.__setattr__(loader, 'batch_sampler', loader.batch_sampler.batches)
    loader.__class__ = type(loader).__mro__[2]
    del loader.dataset.__getitems__
