# Copyright (c) mmteso contributors. All rights reserved.
from typing import Any, Sequence

import torch
from mmengine.evaluator import DumpResults
from mmseg.registry import METRICS

_MAPS = ('seg_logits', 'i_seg_logits')


@METRICS.register_module()
class DumpAVSResults(DumpResults):
    """Writes predictions and ground truth to a pickle file, for offline use.

    mmengine's ``DumpResults`` keeps all class maps in float32: 71 of them are
    14 MB for a frame of 224 x 224. This one leaves out ``seg_logits``, keeps
    labels as bytes, and everything else exactly as it is: the metrics give
    the same numbers from the file::

        evaluator = Evaluator([AVSMetric()])
        evaluator.dataset_meta = dataset.metainfo
        scores = evaluator.offline_evaluate(mmengine.load('results.pkl'))

    A pickle can execute code when it is read: read none of strangers.

    Args:
        out_file_path (str): The file, '*.pkl' or '*.pickle'. Under several
            audio conditions (:class:`AudioControlLoop`) each has a file of its
            own, 'results.mute.pkl'.
        **kwargs: ``collect_device`` and ``collect_dir``, see ``DumpResults``.
    """

    def describe(self) -> str:
        """What a report says beside the numbers; this one gives none."""
        return 'predictions and ground truth, written to a file'

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep what is to be written of each frame."""
        self.results.extend({
            key: _compact(value)
            for key, value in sample.items() if key not in _MAPS
        } for sample in data_samples)


def _compact(value: Any) -> Any:
    """On the CPU, and labels in [0, 255] as bytes."""
    if isinstance(value, dict):
        return {key: _compact(item) for key, item in value.items()}
    if not isinstance(value, torch.Tensor):
        return value
    value = value.detach().cpu()
    if value.dtype == torch.int64 and value.numel() and \
            0 <= value.min() and value.max() <= 255:
        return value.to(torch.uint8)
    # with a view its whole storage would be written: of all frames of a batch
    return value.clone()
