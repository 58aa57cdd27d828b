# Copyright (c) mmteso contributors. All rights reserved.
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmseg.registry import METRICS

from mmteso.choices import check_choices
from mmteso.tables import format_table
from ..functional.class_scores import (ClassCounts, average_classes,
                                       count_classes, mean_over_classes)
from .samples import naming, needs, write_prediction


@METRICS.register_module()
class AVSSMetric(BaseMetric):
    """AVSBench's per-class mIoU and F for audio-visual semantic segmentation.

    Reads ``pred_sem_seg`` and ``gt_sem_seg``, both (1, H, W) integer, of each
    data sample. IoU and F (beta^2 = 0.3) are computed per image and class and
    averaged over the images where the class occurs in prediction or truth.
    (mmseg's ``IoUMetric``, which works on the same samples, divides sums over
    the set.)

    Results, in percent and unrounded:

    - ``mIoU``, ``F``: mean over classes.
    - ``mIoU_noBg``, ``F_noBg``: the same without background.
    - ``num_classes``: number (not percent) of classes that occur.

    Where the data set has ``reduce_zero_label``, background is ignored and no
    class: there is no ``mIoU_noBg`` and ``F_noBg``, and only the pixels of
    sounding objects are scored.

    A table of all classes goes to the log.

    Habits of the reference (OpenNLPLab/AVSBench, ``avss/test.py``), read off
    its code: classes that never occur count 0 in the mean over all; "noBg"
    drops the last class instead of background; clips of 5 seconds are padded
    to 10 frames whose outputs and truth are background, and these are scored;
    frames are scored at 224 x 224, squeezed. Its figures are float32 sums,
    ours float64, so they agree to about 6 digits.

    Args:
        protocol (str): 'occurring' (default) averages over classes that
            occur, and without class 0 in the figures without background.
            'avsbench' keeps the reference's first two habits.
        pad_clips_to (int, optional): Score every clip that has fewer frames
            (``num_frames`` of its samples) as if it had as many, the others
            being background in prediction and truth, as the reference does
            with 10. Needs ``uid`` and ``num_frames`` in the samples, and
            background as a class. Not implied by the protocol. Default: None
            (off).
        num_classes (int, optional): Number of classes, background (0)
            included if it is one. Default: None, which takes the dataset's.
        beta2 (float): Squared weight of recall in F. Default: 0.3.
        ignore_index (int): Default: 255.
        output_dir (str, optional): Folder for the predictions:
            ``{output_dir}/{subset}/{uid}/{frame}.png``, the class indices as
            a PNG with the dataset's palette (see :func:`write_prediction`),
            grey if it has none. With ``reduce_zero_label`` plus one, as in
            the files of the masks (and as ``IoUMetric`` does). Needs
            ``subset``, ``uid`` and ``frame`` in the samples. Give each metric
            a folder of its own. Default: None, nothing is written.
        format_only (bool): As of mmseg's ``IoUMetric``: write predictions
            and score nothing; no ground truth is needed. Default: False.
        **kwargs: ``collect_device``, ``prefix`` (default: 'avss', so that the
            metric can stand beside ``IoUMetric`` and ``AVSMetric``) and
            ``collect_dir`` of :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: If an argument is out of its range, a frame can't be
            scored, a clip has more frames than ``pad_clips_to``, or this is
            set and background ignored.
        KeyError: If a data sample lacks a key.
    """

    default_prefix = 'avss'

    def __init__(self,
                 protocol: str = 'occurring',
                 pad_clips_to: Optional[int] = None,
                 num_classes: Optional[int] = None,
                 beta2: float = 0.3,
                 ignore_index: int = 255,
                 output_dir: Optional[str] = None,
                 format_only: bool = False,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        check_choices(protocol=(protocol, ('occurring', 'avsbench')))
        self.protocol = protocol
        self.pad_clips_to = pad_clips_to
        self.num_classes = num_classes
        self.beta2 = beta2
        self.ignore_index = ignore_index
        self.output_dir = output_dir
        self.format_only = format_only

    def describe(self) -> str:
        """How images and classes are averaged, in one line."""
        if self.format_only:
            return 'predictions, not scored'
        classes = 'over classes that occur'
        if self.protocol == 'avsbench':
            classes = ("over all classes, 'noBg' without the last one "
                       '(AVSBench)')
        clips = ''
        if self.pad_clips_to is not None:
            clips = (f'; clips padded to {self.pad_clips_to} frames of '
                     'background')
        return ('IoU and F per image and class, averaged over images where '
                f"the class occurs, then {classes} (protocol '{self.protocol}'"
                f', beta^2 = {self.beta2:g}){clips}')

    def _num_classes(self) -> int:
        """The number of classes given, or the dataset's."""
        if self.num_classes is not None:
            return self.num_classes
        classes = (self.dataset_meta or {}).get('classes')
        if classes is None:
            raise ValueError(
                'The number of classes is unknown: the dataset\'s metainfo '
                "has no 'classes'. Give num_classes to AVSSMetric.")
        return len(classes)

    @property
    def _reduced(self) -> bool:
        """Whether background is ignored and class 0 a thing."""
        return bool((self.dataset_meta or {}).get('reduce_zero_label'))

    def _write(self, sample: dict) -> None:
        labels = sample['pred_sem_seg']['data']
        palette = (self.dataset_meta or {}).get('palette')
        if self._reduced:
            labels = labels + 1
            palette = palette and [[0, 0, 0], *palette]
        write_prediction(self.output_dir, sample, labels, palette)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count the pixels of each frame of a batch; write it if configured.
        """
        needed = dict(pred_sem_seg='the head writes it')
        if not self.format_only:
            needed['gt_sem_seg'] = 'LoadAVSAnnotations loads it'
        if self.pad_clips_to is not None:
            needed['uid'] = needed['num_frames'] = \
                'keep it in the meta_keys of PackAVTInputs'
        for sample in data_samples:
            needs(sample, **needed)
            if self.output_dir is not None:
                self._write(sample)
            if self.format_only:
                self.results.append(None)
                continue
            with naming(sample):
                counts = count_classes(sample['pred_sem_seg']['data'],
                                       sample['gt_sem_seg']['data'],
                                       self._num_classes(), self.ignore_index)
            self.results.append(
                (sample.get('uid'), sample.get('num_frames'), counts))

    def compute_metrics(
        self, results: List[Tuple[Optional[str], Optional[int], ClassCounts]]
    ) -> Dict[str, float]:
        """Average over the images of all processes, then over classes; see the
        class. Nothing with ``format_only``."""
        if self.format_only:
            return {}
        num_padded = 0
        if self.pad_clips_to is not None:
            if self._reduced:
                raise ValueError(
                    'pad_clips_to adds frames of background, which '
                    'reduce_zero_label=True of the data set ignores. Leave it '
                    'out.')
            num_padded = self._num_padded(results)
        per_class = average_classes((counts for _, _, counts in results),
                                    self._num_classes(), self.beta2,
                                    num_padded)
        miou, miou_no_bg = mean_over_classes(per_class['IoU'], self.protocol)
        f, f_no_bg = mean_over_classes(per_class['F'], self.protocol)
        self._log(per_class, len(results), num_padded)
        scores = dict(mIoU=100 * miou, F=100 * f)
        if not self._reduced:
            scores.update(mIoU_noBg=100 * miou_no_bg, F_noBg=100 * f_no_bg)
        scores['num_classes'] = int((per_class['frames'] > 0).sum())
        return scores

    def _num_padded(self, results: list) -> int:
        """Number of frames that padding every clip would add."""
        clips = {uid: num_frames for uid, num_frames, _ in results}
        too_long = [uid for uid, n in clips.items() if n > self.pad_clips_to]
        if too_long:
            raise ValueError(
                f'{len(too_long)} clips have more than pad_clips_to='
                f'{self.pad_clips_to} frames, e.g. {too_long[0]} with '
                f'{clips[too_long[0]]}. Set pad_clips_to to the longest '
                'clip\'s frames, or to None.')
        return sum(self.pad_clips_to - n for n in clips.values())

    def _log(self, per_class: Dict[str, np.ndarray], num_frames: int,
             num_padded: int) -> None:
        """Log the protocol and every class."""
        names = (self.dataset_meta or {}).get('classes') or range(
            len(per_class['frames']))
        table = format_table([
            dict(Class=name, IoU=f'{iou:.2f}', F=f'{f:.2f}', Frames=number)
            for name, iou, f, number in zip(names, 100 * per_class['IoU'], 100
                                            * per_class['F'],
                                            per_class['frames'])
        ])
        print_log(
            f'AVSSMetric: {num_frames} frames and {num_padded} padded ones; '
            f'{self.describe()}:\n{table}',
            logger='current')
