# Copyright (c) mmteso contributors. All rights reserved.
from typing import Iterator, Sequence, Tuple

from mmengine.hooks import Hook
from mmseg.registry import HOOKS
from torch import nn

from ..model_parts import unwrap


@HOOKS.register_module()
class ClassCheckHook(Hook):
    """Compares the classes of data sets and heads before a run uses them.

    Every decode and auxiliary head must have as many classes as the data set:
    those of training and validation before the first iteration, that of a
    test before the first frame. In a test the names must be those that the
    checkpoint was trained on as well, in their order, if it says so
    (mmengine's do).

    In the default hooks of our schedules;
    ``default_hooks.class_check.enabled=False`` leaves it out.

    Args:
        enabled (bool): Whether to compare. Defaults to True.

    Raises:
        ValueError: If they differ.
    """

    # before hooks that read the data
    priority = 'HIGH'

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self._trained_on: Sequence[str] = ()

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Remember the classes of a checkpoint."""
        meta = checkpoint.get('meta', {}).get('dataset_meta') or {}
        self._trained_on = meta.get('classes') or ()

    def before_train(self, runner) -> None:
        """Compare the data sets of training and validation."""
        self._trained_on = ()  # it may start from other classes
        self._compare(runner.model, runner.train_dataloader, 'train')
        if runner.val_loop is not None:
            self.before_val(runner)

    def before_val(self, runner) -> None:
        """Compare the data set of the validation."""
        self._compare(runner.model, runner.val_dataloader, 'val')

    def before_test(self, runner) -> None:
        """Compare the data set of the test, with the checkpoint as well."""
        names = self._compare(runner.model, runner.test_dataloader, 'test')
        for index, (trained, tested) in enumerate(
                zip(self._trained_on, names)):
            if trained != tested:
                raise ValueError(
                    f'test_dataloader: class {index} is {tested!r}, but the '
                    f'checkpoint was trained on {trained!r} in its place.\n'
                    'Set dataset.metainfo (and reduce_zero_label) as then')

    def _compare(self, model: nn.Module, loader, split: str) -> Sequence[str]:
        """The data set's classes, of which each head must have as many."""
        names = getattr(loader.dataset, 'metainfo', {}).get('classes')
        if not (self.enabled and names):
            return ()
        for path, head in _heads(model):
            number = getattr(head, 'num_classes', len(names))
            if number != len(names):
                raise ValueError(
                    f'{split}_dataloader: {type(loader.dataset).__name__} has '
                    f'{len(names)} classes ({", ".join(names[:3])}, ...), but '
                    f'model.{path} ({type(head).__name__}) {number}.\nSet '
                    f"{split}_dataloader.dataset.task ('binary' has 2, "
                    "'semantic' those of metainfo), or the head's num_classes "
                    'and class_weight')
        return names


def _heads(model: nn.Module) -> Iterator[Tuple[str, nn.Module]]:
    """Path and module of each head, in lists of heads as well."""
    model = unwrap(model)
    if not hasattr(model, 'decode_head') and hasattr(model, 'num_classes'):
        yield 'classes', model  # ZeroShotAVS
    for name in ('decode_head', 'auxiliary_head'):
        head = getattr(model, name, None)
        if isinstance(head, nn.ModuleList):
            yield from ((f'{name}.{i}', part) for i, part in enumerate(head))
        elif head is not None:
            yield name, head
