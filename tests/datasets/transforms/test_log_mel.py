# Copyright (c) mmteso contributors. All rights reserved.
import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmseg.registry import TRANSFORMS

from mmteso.audio import log_mel_examples
from mmteso.datasets.transforms import AudioToLogMel


def sample(samples=15600, rate=16000):
    waveform = np.sin(np.arange(samples) / 5, dtype=np.float32)
    return dict(waveform=waveform, sample_rate=rate)


def test_one_example():
    results = TRANSFORMS.build(dict(type='AudioToLogMel'))(sample())
    log_mel = results['log_mel']
    assert log_mel.shape == (1, 96, 64) and log_mel.dtype == torch.float32
    torch.testing.assert_close(
        log_mel, log_mel_examples(torch.from_numpy(sample()['waveform']))[0])
    # VGGish's scale: log(mel + 0.01)
    assert log_mel.min() >= np.log(0.01) - 1e-4
    assert 0 < log_mel.max() < 6


@pytest.mark.parametrize('results, got', [
    (sample(16000), r'\(16000,\) at 16000 Hz'),
    (sample(7800, 8000), r'\(7800,\) at 8000 Hz'),
])
def test_other_clips_are_refused(results, got):
    with pytest.raises(ValueError, match=f'15600.*16000 Hz, but got {got}'):
        AudioToLogMel()(results)


def test_without_a_waveform():
    with pytest.raises(KeyError, match='LoadAudioClip'):
        AudioToLogMel()(dict())


def test_image_transforms_and_sound_do_not_touch_each_other():
    """mmseg's own transforms give the same picture with and without sound."""
    image = np.random.default_rng(0).integers(
        0, 256, (48, 64, 3), dtype=np.uint8)
    labels = (image[..., 0] > 128).astype(np.uint8)

    def picture():
        return dict(
            img=image.copy(),
            img_shape=(48, 64),
            ori_shape=(48, 64),
            gt_seg_map=labels.copy(),
            seg_fields=['gt_seg_map'])

    visual = Compose([
        TRANSFORMS.build(config) for config in (
            dict(type='RandomResize', scale=(96, 96), ratio_range=(.5, 2)),
            dict(type='RandomCrop', crop_size=(32, 32)),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PhotoMetricDistortion'),
        )
    ])
    for seed in range(4):
        np.random.seed(seed)
        alone = visual(picture())
        np.random.seed(seed)
        both = visual(AudioToLogMel()(dict(picture(), **sample())))
        for key in ('img', 'gt_seg_map'):
            np.testing.assert_array_equal(alone[key], both[key])
        torch.testing.assert_close(both['log_mel'],
                                   AudioToLogMel()(sample())['log_mel'])
