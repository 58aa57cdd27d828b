# Copyright (c) mmteso contributors. All rights reserved.
import pickle

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.dataset import pseudo_collate
from mmengine.structures import PixelData
from mmseg.registry import TRANSFORMS

from mmteso.datasets.transforms import (
    AudioToLogMel, MuteAudio, PackAVTInputs, PerCondition,
    ReplaceAudioWithNoise, split_conditions)

MUTE = dict(type='MuteAudio')
NOISE = dict(type='ReplaceAudioWithNoise', level_db=10, seed=3)
LOG_MEL = dict(type='AudioToLogMel')


def sample():
    waveform = 0.5 * np.sin(np.arange(15600) / 9)
    return dict(uid='u', frame=4, img=np.zeros((2, 3, 3), np.uint8),
                sample_rate=16000, audio_condition='normal',
                waveform=waveform.astype(np.float32))


def fan_out(*conditions, front_end=(LOG_MEL, )):
    return TRANSFORMS.build(dict(type='FanOutAudioConditions',
                                 conditions=list(conditions),
                                 front_end=list(front_end)))


def test_each_condition_is_what_it_is_alone():
    original = sample()
    image, waveform = original['img'], original['waveform'].copy()
    results = fan_out(None, MUTE, NOISE)(original)
    assert results['log_mel'].shape == (3, 1, 96, 64)
    alone = [AudioToLogMel()(step(sample())) for step in (
                 lambda r: r, MuteAudio(),
                 ReplaceAudioWithNoise(level_db=10, seed=3))]
    for log_mel, one in zip(results['log_mel'], alone):
        assert torch.equal(log_mel, one['log_mel'])
    assert results['audio_condition'] == ('normal', 'mute', 'wgn-10db')
    assert results['noise_reference'] == (None, None, 'snr')
    assert type(results['noise_reference']) is PerCondition
    # the rest once, as it was
    assert results['img'] is image and 'waveform' not in results
    assert results['uid'] == 'u' and results['sample_rate'] == 16000
    np.testing.assert_array_equal(sample()['waveform'], waveform)


def test_conditions_do_not_touch_each_other():
    """Several transforms for a condition; one that works in place."""

    @TRANSFORMS.register_module(name='HalfInPlace', force=True)
    class HalfInPlace(BaseTransform):

        def transform(self, results):
            results['waveform'] /= 2
            return results

    half = dict(type='HalfInPlace')
    results = fan_out(half, None, [half, half])(sample())
    loud = [log_mel.max().item() for log_mel in results['log_mel']]
    assert loud[2] < loud[0] < loud[1]
    # also where all conditions have one name, there are three
    assert results['audio_condition'] == ('normal', ) * 3


@pytest.mark.parametrize('views', [None, 2])
def test_split(views):
    """Batches as one condition alone gives them; views of TTA too."""
    packed = PackAVTInputs()(fan_out(None, MUTE)(sample()))
    # as through a worker of a data loader
    packed = pickle.loads(pickle.dumps(packed))
    packed['data_samples'].gt_sem_seg = PixelData(data=torch.zeros(1, 3, 4))
    frames = [packed, packed]
    if views:
        frames = [{key: [value] * views for key, value in packed.items()}] * 2
    batch = pseudo_collate(frames)
    for index, one in enumerate(split_conditions(batch, 2)):
        parts = [one] if not views else [{key: value[view]
                                          for key, value in one.items()}
                                         for view in range(views)]
        for part in parts:
            assert torch.equal(part['inputs']['log_mel'][1],
                               packed['inputs']['log_mel'][index])
            assert part['inputs']['img'][1].shape == (3, 2, 3)
            chosen = part['data_samples'][0]
            assert chosen.audio_condition == ('normal', 'mute')[index]
            assert chosen.gt_sem_seg is packed['data_samples'].gt_sem_seg
            chosen.more = torch.ones(1)
    assert 'more' not in packed['data_samples']
    assert len(packed['data_samples'].audio_condition) == 2
