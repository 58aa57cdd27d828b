# Copyright (c) mmteso contributors. All rights reserved.
"""Batches that depend on their number alone, for both of mmengine's loops."""
import itertools
import math
from typing import Any, Iterator, Optional, Sequence

from mmengine.dataset import InfiniteSampler
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch.utils.data import DataLoader, IterableDataset

from .seeding import (DATA_STREAM, derive_seed, preserve_cpu_generators,
                      seed_cpu)


class _WorkerSeeds:
    """Seeds a loader worker before each batch that it makes.

    It takes the place of the loader's ``worker_init_fn`` and ``collate_fn``:
    the first runs when the worker starts, the second after a batch, which is
    before the worker's next one. Batches go to the workers in turn, so that
    worker w of W makes batches w, w + W, w + 2W, ... of an epoch. Workers
    that outlive an epoch of n batches go on with batch n + w.
    """

    def __init__(self, loader: DataLoader, seed: int, rank: int) -> None:
        self.init_fn = loader.worker_init_fn
        self.collate_fn = loader.collate_fn
        self.num_workers = loader.num_workers
        # the length of an infinite sampler says nothing
        self.epoch_length = (
            math.inf if isinstance(loader.sampler, InfiniteSampler)
            or isinstance(loader.dataset, IterableDataset) else len(loader))
        self.seed = seed
        self.rank = rank
        # in the main process: the first batch that new workers will make;
        # in a worker, which has a copy: the batch that it makes
        self.batch = 0

    def install(self, loader: DataLoader) -> None:
        """Take the places in a loader."""
        loader.worker_init_fn = self.init_worker
        loader.collate_fn = self.collate

    def uninstall(self, loader: DataLoader) -> None:
        """Give a loader back as it was."""
        loader.worker_init_fn = self.init_fn
        loader.collate_fn = self.collate_fn

    def _seed(self) -> None:
        seed_cpu(derive_seed(self.seed, self.rank, DATA_STREAM, self.batch))

    def init_worker(self, worker_id: int) -> None:
        if self.init_fn is not None:
            self.init_fn(worker_id)
        self.worker_id = worker_id
        self.epoch_end = self.batch + self.epoch_length
        self.batch += worker_id
        self._seed()

    def collate(self, batch: Sequence) -> Any:
        collated = self.collate_fn(batch)
        self.batch += self.num_workers
        if self.batch >= self.epoch_end:
            self.batch = self.epoch_end + self.worker_id
            self.epoch_end += self.epoch_length
        self._seed()
        return collated


class SeededDataIterator:
    """Batches whose random transforms depend on their number alone.

    Batch i of a process is made with generators seeded from (seed, rank, i),
    with loader workers or without, and leaves the main process's generators
    as they were. So a resumed training sees the batches that it would have
    seen, and the number of workers changes nothing.

    Args:
        loop (IterBasedTrainLoop): Its ``dataloader_iterator`` is wrapped and
            its ``dataloader`` adapted.
        seed (int): The runner's seed.
        rank (int): The process.
    """

    def __init__(self, loop: IterBasedTrainLoop, seed: int,
                 rank: int) -> None:
        self._iterator = loop.dataloader_iterator
        self._loader = loop.dataloader
        self._seed = seed
        self._rank = rank
        self._workers: Optional[_WorkerSeeds] = None
        if self._loader.num_workers > 0:
            self._workers = _WorkerSeeds(self._loader, seed, rank)
            self._workers.install(self._loader)
        # mmengine 0.10.7 skips what was trained by as many calls of next(),
        # later versions by skip_iter()
        self._discard = (0 if hasattr(self._iterator, 'skip_iter') else
                         loop.iter)
        self._start_at(0)

    def _can_fast_forward(self) -> bool:
        return (isinstance(self._loader.sampler, InfiniteSampler)
                and self._loader.batch_size is not None)

    def _start_at(self, position: int) -> None:
        """Start anew at a batch; the iterator is made when it is needed.

        Also for batch 0, because mmengine 0.10.7 makes the iterator together
        with the loop, and its workers have drawn indices by then.
        """
        if self._can_fast_forward():
            # as InfiniteSampler.skip of later versions does
            sampler = self._loader.sampler
            sampler.indices = itertools.islice(
                sampler._indices_of_rank(),
                position * self._loader.batch_size, None)
        self.close()
        self._position = position

    def _load(self) -> Any:
        with preserve_cpu_generators():
            if self._workers is not None:
                self._workers.batch = self._position
            if self._iterator._iterator is None:
                self._iterator._iterator = iter(self._loader)
            if self._workers is None:
                seed_cpu(
                    derive_seed(self._seed, self._rank, DATA_STREAM,
                                self._position))
            batch = next(self._iterator)
        self._position += 1
        return batch

    def close(self) -> None:
        """Stop the loader's workers; the next batch starts new ones."""
        self._iterator._iterator = None
        # where persistent workers are kept, with their order and seeds
        self._loader._iterator = None

    def __iter__(self) -> 'SeededDataIterator':
        return self

    def __next__(self) -> Any:
        if self._discard > 0:
            self._discard -= 1
            self.skip_iter()
            return None  # the loop throws it away
        return self._load()

    def skip_iter(self, num_iters: int = 1) -> None:
        """Go on at a later batch; called by the loop when it resumes.

        Args:
            num_iters (int): How many batches to skip. Defaults to 1.
        """
        if self._can_fast_forward():
            self._start_at(self._position + num_iters)
            return
        # the order of a finite sampler is known only by going through it
        for _ in range(num_iters):
            self._load()


class SeededEpochs:
    """Epochs of batches whose random transforms depend on their number alone.

    It stands for the loader of an epoch-based loop and gives the same batches
    in the same order. Batch i of a process, counted from the start of the
    training on, is made with generators seeded from (seed, rank, i), with
    loader workers or without, and leaves the main process's generators as
    they were.

    mmengine seeds new workers from the runner's seed and their number alone,
    so that without this each epoch would flip the way the first one did.

    Args:
        loop (EpochBasedTrainLoop): Its ``dataloader`` is wrapped and adapted;
            its ``iter`` tells the number of an epoch's first batch.
        seed (int): The runner's seed.
        rank (int): The process.
    """

    def __init__(self, loop: EpochBasedTrainLoop, seed: int,
                 rank: int) -> None:
        self.loader = loop.dataloader
        self._loop = loop
        self._seed = seed
        self._rank = rank
        self._workers: Optional[_WorkerSeeds] = None
        if self.loader.num_workers > 0:
            self._workers = _WorkerSeeds(self.loader, seed, rank)
            self._workers.install(self.loader)

    def __getattr__(self, name: str) -> Any:
        """Hooks look at the loader's sampler, data set and so on."""
        if name == 'loader':  # not there yet: copied or unpickled
            raise AttributeError(name)
        return getattr(self.loader, name)

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        position = self._loop.iter
        with preserve_cpu_generators():
            if self._workers is not None:
                self._workers.batch = position
            iterator = iter(self.loader)
        while True:
            with preserve_cpu_generators():
                if self._workers is None:
                    seed_cpu(
                        derive_seed(self._seed, self._rank, DATA_STREAM,
                                    position))
                try:
                    batch = next(iterator)
                except StopIteration:
                    return
            position += 1
            yield batch

    def close(self) -> None:
        """Stop persistent workers and give the loop its loader back."""
        if self._workers is not None:
            self._workers.uninstall(self.loader)
        self.loader._iterator = None
        self._loop.dataloader = self.loader
