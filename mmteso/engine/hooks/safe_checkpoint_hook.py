# Copyright (c) mmteso contributors. All rights reserved.
"""Checkpoints that survive a kill, a full disk and the end of a job."""
import glob
import os
import os.path as osp
import signal
import threading
from contextlib import contextmanager
from functools import partial
from typing import Any, Callable, Iterator, List, Optional

import torch
from mmengine.dist import all_reduce, barrier, get_world_size, is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop
from mmseg.registry import HOOKS

from mmteso.io import write_file
from ..training_end import when_training_ends

_INTERRUPTED = 'interrupted.pth'


@register_backend('whole_file', force=True)
class WholeFileBackend(LocalBackend):
    """Local files that appear when they are complete."""

    def put(self, obj: bytes, filepath: str) -> None:
        """Write bytes to a file."""
        write_file(str(filepath), obj)


class _RemoveLater:
    """A file backend that notes what is to be removed."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self.outdated: List[str] = []
        self.remove = self.outdated.append

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook``, with a whole checkpoint at any time.

    mmengine removes the oldest checkpoint before it writes the new one, in
    place; a process killed between the two leaves none. Here a checkpoint
    appears under its name when it is complete, and what it replaces is
    removed afterwards. If it can't be written, the error says from where
    ``--resume`` goes on.

    At SIGTERM, which Slurm sends before it ends or requeues a job, the
    iteration under way is finished and ``interrupted.pth`` is written, from
    which ``--resume`` goes on, in the middle of an epoch, too
    (:class:`RandomStateHook`). Then the process exits with status 143. During
    a validation it exits as soon as a checkpoint from before is there. A
    validation that a run didn't finish is made up for by the one that resumes
    it.

    Args:
        signal_interval (int): Of several processes each gets the signal at
            another time; they agree every so many iterations. Defaults to 10.
        **kwargs: See ``CheckpointHook``.
    """

    def __init__(self, *args, signal_interval: int = 10, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.signal_interval = signal_interval
        self._training = self._signalled = False
        self._saved = 0  # iterations in the last checkpoint
        self._handler: Any = None  # the one before ours

    def before_run(self, runner) -> None:
        """Leave SIGTERM as it was, at the end."""
        super().before_run(runner)
        when_training_ends(runner, self._leave)

    def before_train(self, runner) -> None:
        """Listen to SIGTERM, and make up for a validation."""
        super().before_train(runner)
        if self.file_client_args is None and type(
                self.file_backend) is LocalBackend:
            self.backend_args = dict(backend='whole_file')
            if is_main_process():
                # of a process that was killed while it wrote
                for path in glob.glob(
                        osp.join(glob.escape(self.out_dir), '*.partial')):
                    os.remove(path)
        self._training, self._signalled = True, False
        self._saved = runner.iter
        loaders = [runner.train_dataloader]
        if runner.val_loop is not None:
            loaders.append(runner.val_loop.dataloader)
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGTERM, self._note)
            for loader in loaders:
                loader.worker_init_fn = partial(_heed_parent_alone,
                                                loader.worker_init_fn)
        if _validation_due(runner):
            runner.val_loop.run()

    def after_train_iter(self, runner, batch_idx: int, **kwargs) -> None:
        """Save at the interval, and at SIGTERM."""
        super().after_train_iter(runner, batch_idx=batch_idx, **kwargs)
        loop, done = runner.train_loop, runner.iter + 1
        if isinstance(loop, EpochBasedTrainLoop) and done == (
                loop.epoch + 1) * len(loop.dataloader):
            return  # after_train_epoch comes next
        if self._agreed(done):
            self._end(runner, runner.epoch, done)

    def after_train_epoch(self, runner) -> None:
        """Save at the interval, and at SIGTERM."""
        super().after_train_epoch(runner)
        if isinstance(runner.train_loop, EpochBasedTrainLoop) and self._agreed(
        ):
            self._end(runner, runner.epoch + 1, runner.iter)

    def after_val_iter(self, runner, *args, **kwargs) -> None:
        """At SIGTERM end if there is nothing to save."""
        if self._signalled and self._saved == runner.iter:
            self._exit()

    def after_val_epoch(self, runner, metrics=None) -> None:
        """Save the best, and at SIGTERM what was trained."""
        if self._training:
            runner.message_hub.update_info('validated', runner.iter)
        super().after_val_epoch(runner, metrics)
        if self._training and self._agreed():
            self._end(runner, runner.epoch, runner.iter)

    def _save_best_checkpoint(self, runner, metrics) -> None:
        with self._saving(runner):
            super()._save_best_checkpoint(runner, metrics)

    def _save_checkpoint_with_step(self, runner, step, meta) -> None:
        with self._saving(runner):
            super()._save_checkpoint_with_step(runner, step, meta)
            interrupted = self.file_backend.join_path(self.out_dir,
                                                      _INTERRUPTED)
            if is_main_process() and self.file_backend.isfile(interrupted):
                self.file_backend.remove(interrupted)
        self._saved = meta['iter']

    @contextmanager
    def _saving(self, runner) -> Iterator[None]:
        """What is removed meanwhile is removed at the end."""
        if not self._training or isinstance(self.file_backend, _RemoveLater):
            yield  # a checkpoint within that of the best
            return
        backend = self.file_backend
        self.file_backend = _RemoveLater(backend)
        previous = runner.message_hub.runtime_info.get('last_ckpt')
        try:
            yield
            for path in self.file_backend.outdated:
                backend.remove(path)
        except OSError as error:
            left = 'There is no other.'
            if previous and backend.isfile(previous):
                left = f'The one before is whole: {previous}. Free some ' \
                    'space, and go on from there by --resume.'
            raise OSError(
                error.errno, f'{error.strerror}: a checkpoint could not be '
                f'written to {self.out_dir}. {left}') from error
        finally:
            self.file_backend = backend

    def _note(self, *_) -> None:
        self._signalled = True

    def _agreed(self, iteration: int = 0) -> bool:
        """Whether a process got the signal; asked at an interval."""
        if get_world_size() > 1 and iteration % self.signal_interval:
            return False
        flag = torch.tensor(int(self._signalled))
        all_reduce(flag, 'max')
        return bool(flag)

    def _end(self, runner, epoch: int, iteration: int) -> None:
        """Save what was trained, and exit."""
        if self._saved != iteration:
            with self._saving(runner):
                runner.save_checkpoint(
                    self.out_dir,
                    _INTERRUPTED,
                    meta=dict(epoch=epoch, iter=iteration),
                    by_epoch=self.by_epoch,
                    backend_args=self.backend_args)
                if is_main_process():
                    write_file(
                        osp.join(runner.work_dir, 'last_checkpoint'),
                        self.file_backend.join_path(self.out_dir,
                                                    _INTERRUPTED))
            self._saved = iteration
        barrier()
        self._exit()

    def _exit(self) -> None:
        print_log(
            f'SIGTERM: ended at iteration {self._saved}; --resume goes on '
            'from there',
            logger='current')
        raise SystemExit(128 + signal.SIGTERM)

    def _leave(self, loop) -> None:
        self._training = False
        if self._handler is not None:
            signal.signal(signal.SIGTERM, self._handler)
            self._handler = None


def _validation_due(runner) -> bool:
    """Whether the run before ended between training and validation."""
    loop = runner.train_loop
    if runner.val_loop is None or not loop.iter or loop.iter == \
            runner.message_hub.runtime_info.get('validated'):
        return False
    step, end = loop.iter, loop.max_iters
    if isinstance(loop, EpochBasedTrainLoop):
        step, end = loop.epoch, loop.max_epochs
        if loop.iter != step * len(loop.dataloader):
            return False
    return step >= loop.val_begin and (step % loop.val_interval == 0
                                       or step == end)


def _heed_parent_alone(init: Optional[Callable], worker_id: int) -> None:
    """Begin a loader's worker, which only its parent can terminate.

    Slurm signals all processes of a job: without workers the training could
    not finish its iteration.
    """
    if init is not None:
        init(worker_id)
    if not hasattr(signal, 'sigwaitinfo'):  # macOS
        return
    parent = os.getppid()

    def watch() -> None:
        while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
            pass
        os._exit(0)

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=watch, daemon=True).start()
