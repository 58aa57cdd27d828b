# Copyright (c) mmteso contributors. All rights reserved.
"""What is undone when a training ends, however it ends."""
from typing import Any, Callable

from mmengine.runner import BaseLoop, Runner


def when_training_ends(runner: Runner, undo: Callable[[Any], None]) -> None:
    """Have ``undo(loop)`` called when the training loop is left.

    For a hook's ``before_run``. mmengine calls ``after_train`` only after a
    training that succeeded; what a hook does to the process, the loader or
    the model would outlast an error or Ctrl-C, for instance in a notebook.
    ``undo`` is called as well if ``before_train`` was not reached. Before a
    validation or test alone nothing is done.
    """
    loop = runner._train_loop
    if not isinstance(loop, BaseLoop):
        return  # a config that nothing is built from, or None
    run = loop.run

    def run_and_undo() -> Any:
        try:
            return run()
        finally:
            undo(loop)
            vars(loop).pop('run', None)  # several hooks may ask for this

    loop.run = run_and_undo
