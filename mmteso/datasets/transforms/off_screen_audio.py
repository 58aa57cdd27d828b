# Copyright (c) mmteso contributors. All rights reserved.
from typing import Optional, Tuple

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmteso.audio import count_clips, cut_clip, last_clip_rule, load_waveform
from .altering_audio import _require_waveform

SECONDS = ('loudest', 'same')


@TRANSFORMS.register_module()
class ReplaceAudioWithOffScreen(BaseTransform):
    """Replace the sound by that of a video with other classes.

    The data set says which videos: build it with ``off_screen=dict(...)``
    (see :class:`BaseAVSDataset`). The first donor whose sound is audible is
    taken. The picture and the ground truth stay as they are.

    Required Keys:

    - waveform (np.ndarray)
    - sample_rate (int)
    - frame (int)
    - uid (str)
    - off_screen (list[dict]): Donors, best first, each with ``uid`` and
      ``audio_path``.

    Modified Keys:

    - waveform (np.ndarray): As long as before.
    - audio_condition (str): 'off-screen'.

    Added Keys:

    - off_screen_uid (str): The donor.

    Args:
        second (str): Which of the donor's seconds. 'loudest', for all frames
            of a clip the same one: a silent second would be mute under
            another name. 'same', the one of the frame's own number, cut as
            :class:`LoadAudioClip` cuts it, also if the donor is shorter; a
            donor that is silent then is passed over. Defaults to 'loudest'.
        clip_hop (float): As of :class:`LoadAudioClip`. Defaults to 1.0.
        silence_db (float): A second whose root mean square is not more than
            this many dB over full scale is silent. Defaults to -60.
        backend_args (dict, optional): Arguments of mmengine's file backend.
            Defaults to None.

    Raises:
        KeyError: If the data set gives no donors.
        ValueError: If all donors are silent or too short.
    """

    def __init__(self,
                 second: str = 'loudest',
                 clip_hop: float = 1.0,
                 silence_db: float = -60.,
                 backend_args: Optional[dict] = None) -> None:
        if second not in SECONDS:
            raise ValueError(
                f'second must be one of {SECONDS}, but got {second!r}')
        if not clip_hop > 0:
            raise ValueError(f'clip_hop must be positive, but got {clip_hop}')
        self.second = second
        self.clip_hop = clip_hop
        self.silence_db = silence_db
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        """Replace the sound.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The dict with another video's sound.
        """
        _require_waveform(self, results)
        if not results.get('off_screen'):
            raise KeyError(
                f'ReplaceAudioWithOffScreen needs the key "off_screen", which '
                f'"{results["uid"]}" lacks: build the data set with '
                'off_screen=dict(seed=0), as the audio condition "off-screen" '
                'does')
        for donor in results['off_screen']:
            clip, power = self._second_of(donor['audio_path'], results)
            if power > 10**(self.silence_db / 10):
                results['waveform'] = clip
                results['audio_condition'] = 'off-screen'
                results['off_screen_uid'] = donor['uid']
                return results
        raise ValueError(
            f'none of the clips that could lend "{results["uid"]}" a sound '
            'for "off-screen" is audible: ' + ', '.join(
                f'"{donor["audio_path"]}"' for donor in results['off_screen'])
            + ' are silent or shorter than a clip. Choose others by another '
            'seed')

    def _second_of(self, path: str,
                   results: dict) -> Tuple[Optional[np.ndarray], float]:
        """A clip of the donor and its mean square; (None, 0.) if too short."""
        rate, length = results['sample_rate'], len(results['waveform'])
        hop = round(self.clip_hop * rate)
        sound = load_waveform(path, rate, self.backend_args)
        count = count_clips(len(sound), hop, length)
        if not count:
            return None, 0.
        which = range(count) if self.second == 'loudest' else [
            results['frame']
        ]
        rule = last_clip_rule(self.clip_hop)
        clips = [
            cut_clip(sound, index, hop, length, rule)[0] for index in which
        ]
        powers = [float(np.mean(np.square(clip, dtype=np.float64)))
                  for clip in clips]
        best = int(np.argmax(powers))
        return clips[best].astype(results['waveform'].dtype), powers[best]

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(second={self.second!r}, '
                f'clip_hop={self.clip_hop}, silence_db={self.silence_db})')
