# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import PixelData
from mmseg.models import SegDataPreProcessor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmteso.models import AVTDataPreProcessor

SETTINGS = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],
                bgr_to_rgb=True, pad_val=0, seg_pad_val=255)


def sample(height=20, width=24, seed=0, audio='log_mel'):
    """What PackAVTInputs gives."""
    generator = torch.Generator().manual_seed(seed)
    shape = (3, height, width)
    inputs = dict(img=torch.randint(256, shape, dtype=torch.uint8,
                                    generator=generator),
                  text_feat=torch.randn(4, 6, generator=generator),
                  text_valid=torch.rand(4, generator=generator) < 0.5)
    inputs[audio] = torch.randn(*((1, 96, 64) if audio == 'log_mel'
                                  else (128, )), generator=generator)
    data_sample = SegDataSample(
        metainfo=dict(img_shape=(height, width), ori_shape=(height, width)))
    data_sample.gt_sem_seg = PixelData(
        data=torch.randint(2, (1, height, width), generator=generator))
    return dict(inputs=inputs, data_samples=data_sample)


def images_only(samples):
    return pseudo_collate([dict(inputs=s['inputs']['img'],
                                data_samples=s['data_samples'].clone())
                           for s in samples])


@pytest.mark.parametrize('training', [True, False])
def test_images_are_mmsegs(training):
    """Normalised, padded, ground truth and metainfo included."""
    settings = dict(SETTINGS, size_divisor=32, test_cfg=dict(size_divisor=16))
    samples = [sample(seed=0), sample(seed=1)]
    expected = SegDataPreProcessor(**settings)(images_only(samples), training)
    actual = MODELS.build(dict(type='AVTDataPreProcessor', **settings))(
        pseudo_collate(samples), training)
    assert set(actual) == {'inputs', 'data_samples'}
    assert torch.equal(actual['inputs']['img'], expected['inputs'])
    for a, b in zip(actual['data_samples'], expected['data_samples']):
        assert a.metainfo == b.metainfo
        assert torch.equal(a.gt_sem_seg.data, b.gt_sem_seg.data)


def test_channels_last():
    """Another layout of the same values."""
    plain, last = (AVTDataPreProcessor(**SETTINGS, **layout)(
        pseudo_collate([sample(seed=0), sample(seed=1)]))['inputs']['img']
        for layout in ({}, dict(channels_last=True)))
    assert torch.equal(plain, last) and plain.is_contiguous()
    assert last.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize('audio', ['log_mel', 'audio_feat'])
def test_sound_and_text_are_stacked(audio):
    samples = [sample(seed=seed, audio=audio) for seed in range(3)]
    actual = AVTDataPreProcessor(**SETTINGS)(pseudo_collate(samples))
    assert set(actual['inputs']) == {'img', audio, 'text_feat', 'text_valid'}
    for name in (audio, 'text_feat', 'text_valid'):
        expected = torch.stack([s['inputs'][name] for s in samples])
        assert torch.equal(actual['inputs'][name], expected)
    assert actual['inputs']['text_valid'].dtype == torch.bool


def test_images_of_different_size_are_padded_in_training():
    samples = [sample(20, 24), sample(28, 16)]
    for data in samples:
        data['data_samples'].gt_classes = PixelData(
            data=5 * data['data_samples'].gt_sem_seg.data)
    preprocessor = AVTDataPreProcessor(**SETTINGS, size_divisor=32)
    actual = preprocessor(pseudo_collate(samples), training=True)
    assert actual['inputs']['img'].shape == (2, 3, 32, 32)
    for data_sample, (h, w) in zip(actual['data_samples'],
                                   [(20, 24), (28, 16)]):
        gt = data_sample.gt_sem_seg.data
        assert gt.shape == (1, 32, 32)
        assert (gt[:, h:] == 255).all() and (gt[:, :, w:] == 255).all()
        assert (gt[:, :h, :w] < 2).all()
        expected = torch.where(gt == 255, gt, 5 * gt)
        assert torch.equal(data_sample.gt_classes.data, expected)


def test_shapes_that_do_not_match():
    samples = [sample(), sample()]
    samples[1]['inputs']['text_feat'] = torch.zeros(3, 6)
    with pytest.raises(ValueError, match=r'text_feat.*\(3, 6\), \(4, 6\)'):
        AVTDataPreProcessor(**SETTINGS)(pseudo_collate(samples))


def test_mmsegs_inputs():
    """A list of images, as PackSegInputs leaves them."""
    with pytest.raises(TypeError, match='PackAVTInputs.*list.*PackSegInputs'):
        AVTDataPreProcessor(**SETTINGS)(images_only([sample()]))
