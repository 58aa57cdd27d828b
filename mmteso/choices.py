# Copyright (c) mmteso contributors. All rights reserved.
"""Values that options and settings may have, and what they stand for.

Apart from the rooms that know what they mean, so that a tool can read its
arguments without importing those.
"""
import re
from typing import Any, Collection, Optional, Tuple

#: Subset folder of AVSBench -> frames (and seconds) of each of its clips.
FRAMES_PER_CLIP = dict(v1s=5, v1m=5, v2=10)

#: The paper's conditions, and off-screen sound.
AUDIO_CONDITIONS = ('normal', 'mute', 'wgn-10db', 'wgn-40db', 'off-screen')
#: What the noise's dB refer to, see :func:`mmteso.audio.white_noise`.
NOISE_REFERENCES = ('snr', 'pcm16', 'full_scale')

#: What :class:`mmteso.apis.ClipWriter` writes beside the JSON.
SAVE = ('masks', 'overlays', 'video', 'html')

#: Debian's packages of the cutouts testbed, and where their files lie.
PACKAGES = ('tuxpaint-stamps-default', 'mate-backgrounds',
            'lomiri-wallpapers-16.04')
STAMPS = 'usr/share/tuxpaint/stamps'
BACKGROUNDS = 'usr/share/backgrounds'

#: What needs no model in a comparison (compare.py): masks of all that is
#: visible, of one visible object by chance, of nothing.
CONTROLS = ('everything', 'random', 'blank')

# of CueRecognitionMetric
TRUTHS = ('mask', 'a_obj')
UNKNOWN = ('wrong', 'ignore')
AVERAGES = ('frame', 'pooled')

#: What preference_report.py draws: the file's name without its suffix, and
#: the caption.
PICTURES = dict(
    scores='Scores by model and sound',
    masks='Masks by frame and sound: what is segmented keeps its colours. '
    'Above: the log-mel spectrogram of what was heard',
    attention='Attention of the last decoder layer that reads the finest '
    'level, a mean over its heads, summed over the mask queries by the '
    'probability that what they find is sounding (ours: the paper doesn\'t '
    'say how its figure J9 puts them together)')

#: Length of text features, and mean cosine of those of two cues. ImageBind's
#: package multiplies unit vectors by its logit scale, about 100; the cosine of
#: "This is a {cue}." is assumed. That of all-MiniLM-L6-v2 was measured over
#: AVSBench's 70 classes. ``hash`` is :class:`HashTextEncoder`.
TEXT_STATISTICS = dict(imagebind=(100., 0.6), minilm=(1., 0.35), hash=(1., 0.))

_NOISE = re.compile(r'wgn-(-?\d+(?:\.\d+)?)db')


def audio_condition_transform(condition: str,
                              reference: str = 'snr',
                              seed: int = 0) -> Optional[dict]:
    """The transform that makes an audio condition.

    Args:
        condition (str): 'normal', 'mute', 'wgn-{level}db' for white Gaussian
            noise, e.g. 'wgn-10db' or 'wgn-2.5db', or 'off-screen' for the
            sound of a video with other classes.
        reference (str): What the noise's level refers to, see
            :class:`ReplaceAudioWithNoise`. Defaults to 'snr'.
        seed (int): Of the noise. Defaults to 0.

    Returns:
        dict | None: Its config; None for 'normal'.

    Raises:
        ValueError: If there is no condition of this name.
    """
    if condition == 'normal':
        return None
    if condition == 'mute':
        return dict(type='MuteAudio')
    if condition == 'off-screen':
        return dict(type='ReplaceAudioWithOffScreen')
    match = _NOISE.fullmatch(condition)
    if match is None:
        raise ValueError(
            f"unknown audio condition {condition!r}: expected 'normal', "
            "'mute', 'wgn-{level}db', such as 'wgn-10db', or 'off-screen'")
    return dict(
        type='ReplaceAudioWithNoise',
        level_db=float(match.group(1)),
        reference=reference,
        seed=seed)


def check_choices(**options: Tuple[Any, Collection]) -> None:
    """Refuse values that options, ``name=(value, known ones)``, can't have."""
    for name, (value, known) in options.items():
        if value not in known:
            raise ValueError(
                f'{name} must be one of {list(known)}, but got {value!r}')
