# Copyright (c) mmteso contributors. All rights reserved.
"""A frame has one sound."""
from mmcv.transforms import BaseTransform


def refuse_second_sound(transform: BaseTransform, results: dict,
                        *keys: str) -> None:
    """Refuse to load sound where another transform has loaded it already.

    The later one would win without a word, and whatever altered the earlier
    one (muting, noise) would be without effect.

    Args:
        transform (BaseTransform): The transform that is about to load sound.
        results (dict): Result dict of the frame.
        *keys (str): Where other transforms put theirs.

    Raises:
        RuntimeError: If one of the keys is there.
    """
    found = [key for key in keys if key in results]
    if not found:
        return
    name = type(transform).__name__
    condition = results.get('audio_condition', 'normal')
    raise RuntimeError(
        f'{name} would be a second source of sound for frame '
        f'{results.get("frame")} of "{results.get("uid")}", which has '
        f'{" and ".join(found)} already (audio condition {condition!r}): one '
        'of the two would be without effect. Load the sound by LoadAudioClip '
        'and AudioToLogMel, or by LoadLogMel, or by LoadAudioFeatures. '
        'Altered sound (MuteAudio, ReplaceAudioWithNoise) needs the first '
        "way: the model's audio_encoder encodes it, no cache holds it.")
