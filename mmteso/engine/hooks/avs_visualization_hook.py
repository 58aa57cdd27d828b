# Copyright (c) mmteso contributors. All rights reserved.
from typing import Any, Sequence

from mmengine.runner import BaseLoop
from mmseg.engine.hooks import SegVisualizationHook
from mmseg.registry import HOOKS

from mmteso.io import read_image


@HOOKS.register_module()
class AVSVisualizationHook(SegVisualizationHook):
    """Draws predictions under names that tell the videos apart.

    mmseg's hook names a picture after the image's file, which is '0.jpg' in
    every video. Here it is ``{mode}_{subset}_{uid}_{frame}``, of the metainfo,
    to which the local backend adds the iteration (0 in a test).

    A validation draws the first frame of every ``interval``-th batch, the
    same ones each time; a test draws every frame, of the first process.

    Args:
        **kwargs: See ``SegVisualizationHook``: ``draw`` (default False),
            ``interval`` (50), ``show`` (False), ``wait_time`` (0),
            ``backend_args`` (None).
    """

    def after_val_iter(self,
                       runner,
                       batch_idx: int,
                       data_batch: Any = None,
                       outputs: Sequence = ()) -> None:
        """Draw the first frame of every ``interval``-th batch."""
        if self.draw and batch_idx % self.interval == 0:
            # runner.iter would build the training loop where there is none,
            # and with it the training data
            loop = runner._train_loop
            step = loop.iter if isinstance(loop, BaseLoop) else 0
            self._draw_sample(outputs[0], 'val', step)

    def after_test_iter(self,
                        runner,
                        batch_idx: int,
                        data_batch: Any = None,
                        outputs: Sequence = ()) -> None:
        """Draw every frame."""
        if self.draw:
            for sample in outputs:
                self._draw_sample(sample, 'test', step=0)

    def after_test_condition(self, runner, condition: str,
                             outputs: Sequence = ()) -> None:
        """Draw every frame under another sound (:class:`AudioControlLoop`)."""
        self.after_test_iter(runner, 0, outputs=outputs)

    def _draw_sample(self, sample, mode: str, step: int) -> None:
        name = f'{mode}_{sample.subset}_{sample.uid}_{sample.frame}'
        condition = sample.get('audio_condition', 'normal')
        if condition != 'normal':
            name += f'_{condition}'
        self._visualizer.add_datasample(
            # a backend may take it for a file's name
            name.replace('/', '_'),
            read_image(sample.img_path, self.backend_args),
            data_sample=sample,
            show=self.show,
            wait_time=self.wait_time,
            step=step)
