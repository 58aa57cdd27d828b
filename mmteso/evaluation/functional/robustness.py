# Copyright (c) mmteso contributors. All rights reserved.
"""One number for "segments what sounds, and nothing when it doesn't"."""
import math
from typing import Sequence


def listening_score(normal: float, negatives: Sequence[float]) -> float:
    r"""Combine the normal sound's score with those under negative sounds.

    .. math:: LS = \frac{2 J Q}{J + Q}, \quad Q = 100 - \bar J^-

    with J the score under the normal sound and :math:`\bar J^-` the mean over
    the negative conditions of J over the frames with a sounding object, the
    ground truth unchanged. Segmenting what sounds, and nothing of it under
    other sounds, gives 100; a model that doesn't listen has the same J under
    all sounds and at most 50.

    This score is ours. AVSBench-Robust (arXiv 2502.00358) has a global score,
    whose formula is not in any text that we know: they can't be compared.

    Args:
        normal (float): J in percent under the normal sound.
        negatives (Sequence[float]): ``J_sounding`` in percent under each
            negative condition.

    Returns:
        float: LS in percent, 0 if J or Q is 0; NaN if there is no negative
        condition or a number is not finite.

    Raises:
        ValueError: If a number lies outside [0, 100].
    """
    values = [float(value) for value in (normal, *negatives)]
    if not negatives or not all(map(math.isfinite, values)):
        return math.nan
    # rounding of a mean of 100s
    if not all(-1e-6 <= value <= 100 + 1e-6 for value in values):
        raise ValueError('the listening score takes scores in percent, in '
                         f'[0, 100], but got {values}')
    quiet = max(100 - math.fsum(values[1:]) / len(negatives), 0.)
    if values[0] <= 0 or quiet == 0:
        return 0.
    return 2 * values[0] * quiet / (values[0] + quiet)
