# Copyright (c) mmteso contributors. All rights reserved.
from typing import Any, Optional

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from mmseg.registry import HOOKS

from ..seeded_batches import (EPOCH_STREAM, MODEL_STREAM, derive_seed,
                              release_batches, seed_batches, seed_cpu)
from ..training_end import when_training_ends


@HOOKS.register_module()
class RandomStateHook(Hook):
    """Makes a resumed training equal to one that was not interrupted.

    Random states are not saved but *derived*: before each iteration the
    generators of the process (those of its GPUs too) are seeded from (seed,
    rank, iteration), and each batch is made with generators seeded from
    (seed, rank, batch number), in whichever process it is made. So resuming
    reaches the same weights, whatever the number of loader workers, as far as
    the device computes deterministically.

    The seed is that of the run which wrote the checkpoint, also when it was
    drawn at random. An epoch that was interrupted is gone on with, where
    mmengine starts it anew, if there are as many processes as before. Loops
    that are neither an ``EpochBasedTrainLoop`` nor an ``IterBasedTrainLoop``
    are refused.

    Args:
        worker_restarts (int): When a worker of the training's loader dies
            (the system ended it for want of memory, say), all are started
            anew, at most so many times in a row, and load what it didn't
            hand over. Defaults to 0: an error that names the frames being
            loaded.
    """

    # before any hook that might draw
    priority = 'VERY_HIGH'

    def __init__(self, worker_restarts: int = 0) -> None:
        self.worker_restarts = worker_restarts
        self._sampler_seed: Optional[int] = None

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Keep the seed of the samples' order, as ``meta.sampler_seed``."""
        sampler = runner.train_dataloader.batch_sampler.sampler
        seed = getattr(sampler, 'seed', None)
        checkpoint['meta']['sampler_seed'] = None if seed is None else int(
            seed)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Remember the order of the samples for the case of resuming."""
        self._sampler_seed = checkpoint.get('meta', {}).get('sampler_seed')

    def before_run(self, runner) -> None:
        """Stop the loader's workers, at the end of the training.

        Left to the garbage collection of the runner they take seconds each,
        because it frees their queues first.
        """
        when_training_ends(runner, release_batches)

    def before_train(self, runner) -> None:
        """Take over the sample order, and the making of batches."""
        loop = runner.train_loop
        if not isinstance(loop, (IterBasedTrainLoop, EpochBasedTrainLoop)):
            raise TypeError(
                'RandomStateHook knows the batches of IterBasedTrainLoop and '
                f'EpochBasedTrainLoop, but got a {type(loop).__name__}.\n'
                'Derive it from one of them, or leave the hook out')
        sampler = loop.dataloader.batch_sampler.sampler
        if loop.iter and self._sampler_seed is not None and hasattr(
                sampler, 'seed'):
            # the sampler was built before the checkpoint was read
            sampler.seed = self._sampler_seed
        seed_batches(loop, runner.seed, get_rank(), self.worker_restarts)

    def _seed(self, runner, stream: int) -> None:
        seed = derive_seed(runner.seed, get_rank(), stream, runner.iter)
        seed_cpu(seed)
        # else torch would queue the call, and queue one more each iteration
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed(seed)

    def before_train_epoch(self, runner) -> None:
        """Seed what an epoch-based loop draws before its first iteration."""
        self._seed(runner, EPOCH_STREAM)

    def before_train_iter(self, runner, batch_idx: int,
                          data_batch: Any = None) -> None:
        """Seed the generators of the process for this iteration."""
        self._seed(runner, MODEL_STREAM)
