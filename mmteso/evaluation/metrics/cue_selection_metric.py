# Copyright (c) mmteso contributors. All rights reserved.
from typing import Dict, List, Optional, Sequence, Tuple

from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS

from .samples import by_group, group_of, needs


@METRICS.register_module()
class CueSelectionMetric(BaseMetric):
    """Which cues the dynamic mask keeps.

    J alone does not tell whether the mask of paper eq. 4 selects: a model can
    score well with a mask that keeps cues by chance. This one counts, over
    the cues whose truth is known,

    - ``sounding_kept``: the share kept of the cues that sound, and
    - ``silent_kept``: the share kept of those that do not,

    in percent. A mask that selects keeps nearly all of the first and few of
    the second; one that keeps equal shares selects by chance.

    Reads ``cue_kept`` (N_T) and ``gt_cues`` (with ``cue_target`` set in
    ``LoadTextCues`` of the test pipeline; the labels are used for scoring
    only) of each data sample.

    Args:
        report_by (str, optional): Key of the metainfo, such as 'split', for
            each of whose values the shares are reported apart too, e.g. as
            ``sounding_kept@test_unseen``. Defaults to None.
        **kwargs: ``collect_device``, ``prefix`` and ``collect_dir`` of
            :class:`mmengine.evaluator.BaseMetric`.
    """

    default_prefix = 'cues'

    def __init__(self, report_by: Optional[str] = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.report_by = report_by

    def describe(self) -> str:
        """What the shares are shares of, in one line."""
        return ('shares of the cues that sound and of those that do not that '
                'the dynamic mask keeps, pooled over all frames; padding and '
                'cues of no known class are left out')

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count the cues of each frame of a batch."""
        for sample in data_samples:
            needs(
                sample,
                cue_kept='only a segmentor with a prompt_encoder writes it',
                gt_cues="set cue_target='mask' in LoadTextCues of the test "
                'pipeline')
            kept = sample['cue_kept'].cpu().bool()
            target = sample['gt_cues']['label'].cpu()
            counts = tuple(
                int(count)
                for value in (1, 0)
                for count in ((kept & (target == value)).sum(),
                              (target == value).sum()))
            self.results.append((group_of(sample, self.report_by), counts))

    def compute_metrics(
        self, results: List[Tuple[str, Tuple[int, int, int, int]]]
    ) -> Dict[str, float]:
        """Shares over all frames, in percent; NaN where no cue counts."""
        return by_group(results, _shares, ('sounding_kept', 'silent_kept'))


def _shares(rows: Sequence[tuple]) -> Dict[str, float]:
    sounding_kept, sounding, silent_kept, silent = map(
        sum, zip(*(counts for _, counts in rows)))
    return {
        key: 100. * part / whole if whole else float('nan')
        for key, part, whole in (('sounding_kept', sounding_kept, sounding),
                                 ('silent_kept', silent_kept, silent))
    }
