# Copyright (c) mmteso contributors. All rights reserved.
from typing import Any, Optional

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmseg.registry import HOOKS

from mmteso.choices import check_choices
from mmteso.datasets import check_dataset, datasets_inside
from mmteso.logs import warn


@HOOKS.register_module()
class DataCheckHook(Hook):
    """Reads all files before a training, and counts what masks can't mean.

    Before the first iteration the loaders of the training and the validation
    set are run on every frame (see :mod:`mmteso.datasets.data_check`), and
    those that they refuse are named. From the second start on new and changed
    files alone are read.

    At the end of each epoch (of training iterations without epochs: before
    each validation, and at the end) it is logged how many pixels of the masks
    as loaded, in all processes, had a colour that is no class's;
    ``LoadAVSAnnotations.unknown_color`` says what becomes of them.

    A frame that can't be loaded later on, since its file vanished, say, ends
    the training with an error that names it, or it is replaced by another one
    of the data set, drawn at random, named and counted.

    In the default hooks of our schedules.
    ``default_hooks.data_check.enabled=False`` is for data that are no local
    files: ``tools/check_data.py`` checks them once.

    Args:
        num_workers (int, optional): Number of threads that read. Defaults to
            None: as many as the machine has cores, at most 8.
        enabled (bool): Whether to look at the files; pixels are counted
            anyhow. Defaults to True.
        unreadable (str): What becomes of a frame that can't be loaded in the
            midst of a training: 'error' or 'replace'. Defaults to 'error'.

    Raises:
        ValueError: Before the training, if frames can't be loaded.
    """

    def __init__(self,
                 num_workers: Optional[int] = None,
                 enabled: bool = True,
                 unreadable: str = 'error') -> None:
        check_choices(unreadable=(unreadable, ('error', 'replace')))
        self.num_workers = num_workers
        self.enabled = enabled
        self.unreadable = unreadable
        # unknown pixels, masks with some, frames, frames replaced
        self._counts = torch.zeros(4, dtype=torch.long)

    def before_train(self, runner) -> None:
        """Check the files of the training and the validation set."""
        for dataset in datasets_inside(runner.train_dataloader.dataset):
            dataset.replace_unreadable = self.unreadable == 'replace'
        if not self.enabled:
            return
        loaders = [runner.train_dataloader]
        if runner.val_loop is not None:
            loaders.append(runner.val_loop.dataloader)
        broken = []
        for loader in loaders:
            for report in check_dataset(loader.dataset, self.num_workers):
                print_log(report.summary(), logger='current')
                if report.faults:
                    broken.append(
                        f'{report.name}:\n{report.describe_faults()}')
        if broken:
            raise ValueError(
                'The training would end when it comes to one of these frames. '
                "Mend the files, or set missing='skip' in the data set to "
                'leave them out.\n' + '\n'.join(broken))

    def _after_iter(self, runner, batch_idx: int, data_batch: Any = None,
                    outputs: Any = None, mode: str = 'train') -> None:
        # what comes out of a training step are losses
        samples = data_batch['data_samples'] if mode == 'train' else outputs
        for sample in samples:
            pixels = sample.get('unknown_pixels', 0)
            reasons = sample.get('replaced', ())
            self._counts += torch.tensor([pixels, pixels > 0, 1, len(reasons)])
            for reason in reasons:
                warn(f'Another frame was taken: {reason}')

    def before_val_epoch(self, runner) -> None:
        """Report on the training up to here, where it has no epochs."""
        self._report('training')

    def _after_epoch(self, runner, mode: str = 'train') -> None:
        self._report(dict(train='training', val='validation').get(mode, mode))

    def _report(self, what: str) -> None:
        all_reduce(self._counts)
        pixels, masks, seen, replaced = self._counts.tolist()
        self._counts.zero_()
        if replaced:
            warn(f'{what}: frames that could not be loaded and were replaced: '
                 f'{replaced} of {seen}')
        if pixels:
            warn(f'{what}: pixels of unknown colour: {pixels}, in {masks} of '
                 f'{seen} masks (see unknown_color of LoadAVSAnnotations)')
