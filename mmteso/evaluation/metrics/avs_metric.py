# Copyright (c) mmteso contributors. All rights reserved.
import math
from typing import Dict, List, Optional, Sequence, Tuple

import torch.nn.functional as F
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmseg.registry import METRICS

from mmteso.choices import check_choices
from ..functional import (FrameScore, average_avsbench, average_frames,
                          score_frame)
from .samples import by_group, group_of, naming, needs, write_prediction


@METRICS.register_module()
class AVSMetric(BaseMetric):
    """J (mIoU) and F of sounding-object masks.

    Reads ``sounding_score`` (1, H, W) in [0, 1] and ``gt_sem_seg`` (1, H, W)
    of each data sample, and ``gt_visible`` (1, H, W) where there is one. A
    semantic ground truth is binarised: any class but background sounds.
    Pixels of value ``ignore_index`` are left out of everything.

    All results are in percent and unrounded:

    - ``J``: IoU at ``score > threshold``; a frame with an empty ground truth
      scores the share of its pixels predicted background.
    - ``F``: F measure, its maximum over 255 thresholds. At threshold 0 every
      pixel counts as predicted, so F has a floor that the objects' area sets.
    - ``F_curve``: F from the curve averaged over all frames with a sounding
      object, then its maximum: one threshold for the whole set.
    - ``J_sounding``: J over frames with a sounding object.
    - ``J_part``: J over frames where only some of the visible objects sound;
      only there if the samples have ``gt_visible``.
    - ``foreground``: share of the pixels predicted sounding.
    - ``blank``: share of the frames with a sounding object that have under
      ``blank_share`` of their pixels predicted.

    A number over a set of frames that is empty is NaN, not 0.

    Args:
        protocol (str): How frames are averaged.

            - 'frame' (default): J and F per frame, F over frames with a
              sounding object, then averaged. Independent of batch size,
              order and number of processes.
            - 'avsbench': J and F averaged per group of ``group_size`` frames
              and then over groups, digit for digit what AVSBench's test
              scripts print with that batch (see :func:`average_avsbench`).
              Groups are formed in the dataset's order (``sample_idx``),
              whatever the loader's batch size or the number of processes.
        group_size (int, optional): Frames per batch of the reference: videos
            in a batch times frames in a video, e.g. 5 for the released test
            scripts of V1S (S4) and V1M (MS3), 1 video of 5 frames. Needed by
            (and only by) 'avsbench'. Default: None.
        threshold (float): A pixel is predicted sounding if its score is
            strictly greater. AVSBench uses 0.5; GAVS, the TeSO release and
            Ref-AVS 0.4. Default: 0.5.
        beta2 (float): Squared weight of recall in F. Default: 0.3.
        num_thresholds (int): Number of thresholds of F. Default: 255.
        blank_share (float): See ``blank``. Default: 0.002.
        part_min_pixels (int): From how many pixels of ``gt_visible`` outside
            the ground truth on some visible object counts as silent.
            Default: 1.
        score_size (tuple[int, int], optional): (H, W) at which to score: the
            scores are resized to it bilinearly and the ground truth by
            nearest neighbour, as some repositories do at 224 x 224 or
            256 x 256. Default: None, the ground truth's own size.
        ignore_index (int): Default: 255.
        output_dir (str, optional): Folder for the predictions:
            ``{output_dir}/{subset}/{uid}/{frame}.png``, grey, 255 where
            ``score > threshold`` and 0 elsewhere, at the prediction's own
            size (not at ``score_size``). Needs ``subset``, ``uid`` and
            ``frame`` in the samples. Give each metric a folder of its own.
            Default: None, nothing is written.
        format_only (bool): As of mmseg's ``IoUMetric``: write predictions
            and score nothing; no ground truth is needed. Default: False.
        report_by (str, optional): Key of the metainfo, such as 'split', for
            each of whose values J, F, J_part and foreground are reported
            apart too, e.g. as ``J@test_unseen``. Default: None.
        **kwargs: ``collect_device``, ``prefix`` and ``collect_dir`` of
            :class:`mmengine.evaluator.BaseMetric`.

    Raises:
        ValueError: If an argument is out of its range, ``group_size`` and
            ``protocol`` don't go together, the data ignore background
            (``reduce_zero_label``), or a frame can't be scored (NaN, scores
            outside [0, 1], shapes that differ).
        KeyError: If a data sample lacks a key.
    """

    def __init__(self,
                 protocol: str = 'frame',
                 group_size: Optional[int] = None,
                 threshold: float = 0.5,
                 beta2: float = 0.3,
                 num_thresholds: int = 255,
                 blank_share: float = 0.002,
                 part_min_pixels: int = 1,
                 score_size: Optional[Tuple[int, int]] = None,
                 ignore_index: int = 255,
                 output_dir: Optional[str] = None,
                 format_only: bool = False,
                 report_by: Optional[str] = None,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        check_choices(protocol=(protocol, ('frame', 'avsbench')))
        if (protocol == 'avsbench') != bool(group_size):
            raise ValueError(
                f'group_size is {group_size!r} with protocol={protocol!r}; '
                "'avsbench', and no other, needs the number of frames in a "
                'batch of the reference: videos times frames in a video, e.g. '
                '5 for one video of V1S or V1M.')
        self.protocol = protocol
        self.group_size = group_size
        self.threshold = threshold
        self.beta2 = beta2
        self.num_thresholds = num_thresholds
        self.blank_share = blank_share
        self.score_size = None if score_size is None else tuple(score_size)
        self.frame_args = dict(
            threshold=threshold,
            beta2=beta2,
            num_thresholds=num_thresholds,
            ignore_index=ignore_index,
            part_min_pixels=part_min_pixels)
        self.output_dir = output_dir
        self.format_only = format_only
        self.report_by = report_by
        self._sizes: List[Tuple[int, int]] = []

    def describe(self) -> str:
        """How frames are averaged, the thresholds and the scored size, in one
        line; the ground truth's own size in pixels only after an evaluation,
        in the main process."""
        if self.format_only:
            return f'predictions at score > {self.threshold:g}, not scored'
        average = 'per frame, then averaged'
        if self.protocol == 'avsbench':
            average = (f'per batch of {self.group_size} frames, then averaged '
                       '(AVSBench)')
        size = "the ground truth's own size"
        if self.score_size is not None:
            size = '{} x {}'.format(*self.score_size)
        elif self._sizes:
            sizes = ['{} x {}'.format(*size) for size in self._sizes]
            size += f', {sizes[0]}'
            if len(sizes) > 1:
                size += f' to {sizes[-1]} ({len(sizes)} sizes)'
        return (f'J and F {average}; J at score > {self.threshold:g}, F '
                f'(beta^2 = {self.beta2:g}) maximum over '
                f'{self.num_thresholds} thresholds; scored at {size}')

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Score each frame of a batch, and write it if so configured."""
        for sample in data_samples:
            if sample.get('reduce_zero_label') or (
                    self.dataset_meta or {}).get('reduce_zero_label'):
                raise ValueError(
                    'AVSMetric scores sounding against background, which '
                    'reduce_zero_label=True of the data set ignores. Score '
                    "with AVSSMetric or mmseg's IoUMetric, or keep "
                    'background.')
            needs(
                sample,
                sounding_score='TeSOHead writes it; another head can be '
                'scored if it adds a PixelData (1, H, W) of that name with '
                'softmax or sigmoid probabilities of "sounding"')
            score = sample['sounding_score']['data']
            if self.output_dir is not None:
                write_prediction(self.output_dir, sample,
                                 255 * (score > self.threshold))
            if self.format_only:
                self.results.append(None)
                continue
            needs(
                sample,
                gt_sem_seg='a test set without masks can\'t be scored; '
                'otherwise add LoadAVSAnnotations to the pipeline')
            gt = sample['gt_sem_seg']['data']
            visible = None
            if 'gt_visible' in sample:
                visible = sample['gt_visible']['data'].to(gt.device)
            if self.score_size is not None:
                score = F.interpolate(
                    score[None].float(), self.score_size, mode='bilinear')[0]
                gt, visible = (
                    labels if labels is None else F.interpolate(
                        labels[None].float(), self.score_size)[0].long()
                    for labels in (gt, visible))
            with naming(sample):
                frame = score_frame(score, gt, visible, **self.frame_args)
            self.results.append(
                (group_of(sample, self.report_by), frame,
                 sample.get('sample_idx'), tuple(gt.shape[-2:])))

    def compute_metrics(
            self, results: List[Tuple[str, FrameScore, Optional[int],
                                      Tuple[int, int]]]) -> Dict[str, float]:
        """Average over the frames of all processes, and over each group of
        ``report_by``; see the class. Nothing with ``format_only``."""
        if self.format_only:
            return {}
        self._sizes = sorted({row[3] for row in results},
                             key=lambda size: (size[0] * size[1], size))
        scores = by_group(results, self._average,
                          ('J', 'F', 'J_part', 'foreground'))
        undefined = [key for key, value in scores.items() if math.isnan(value)]
        if undefined:
            print_log(
                f'{", ".join(undefined)}: no frame of the set qualifies, so '
                'the value is NaN.',
                logger='current')
        print_log(
            f'AVSMetric: {len(results)} frames; {self.describe()}.',
            logger='current')
        return {key: 100 * value for key, value in scores.items()}

    def _average(self, results: List[tuple]) -> Dict[str, float]:
        """Average some frames as the protocol says; fractions in [0, 1]."""
        scores = average_frames([row[1] for row in results], self.blank_share)
        if self.protocol != 'avsbench':
            return scores
        indices = [row[2] for row in results]
        if None in indices:
            raise KeyError(
                "protocol='avsbench' forms groups in the dataset's order and "
                "needs 'sample_idx' in every data sample. Add it to the "
                'meta_keys of PackAVTInputs.')
        if len(set(indices)) < len(indices):
            raise ValueError(
                f'{len(indices)} frames were scored but only '
                f"{len(set(indices))} have a 'sample_idx' of their own; "
                "protocol='avsbench' needs the dataset's order. Test one "
                'dataset at a time (no ConcatDataset) with '
                'sampler=dict(type=\'DefaultSampler\', shuffle=False).')
        in_order = [row[1] for row in sorted(results, key=lambda r: r[2])]
        scores['J'], scores['F'] = average_avsbench(in_order, self.group_size)
        return scores
