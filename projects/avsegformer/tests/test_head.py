# Copyright (c) mmteso contributors. All rights reserved.
"""The mixer, the losses, and what a frame's mask depends on."""
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmteso_avsegformer import (AudioProjectionPrompt, AudioVisualMixer,
                                AVSegFormerHead, FrameDiceLoss)

CHANNELS = [4, 6, 8, 10]


def head_and_inputs(count=2, **kwargs):
    """A head with features of images of 32 x 64, and sounds."""
    torch.manual_seed(0)
    head = AVSegFormerHead(
        CHANNELS,
        feat_channels=8,
        mid_channels=8,
        channels=4,
        num_queries=5,
        num_layers=(2, 1, 2),
        num_heads=2,
        ffn_channels=8,
        generator_channels=8,
        num_groups=2,
        **kwargs)
    head.init_weights()
    features = [
        torch.randn(count, width, 8 >> i, 16 >> i)
        for i, width in enumerate(CHANNELS)
    ]
    return head, features, AudioProjectionPrompt(3, 8), torch.randn(count, 3)


def samples_with(labels):
    samples = []
    for mask in labels:
        sample = SegDataSample()
        sample.gt_sem_seg = PixelData(data=mask[None])
        samples.append(sample)
    return samples


@torch.no_grad()
def test_mixer_is_channel_attention():
    """Head by head and frame by frame."""
    torch.manual_seed(0)
    mixer = AudioVisualMixer(8, num_heads=2)
    features, audio = torch.randn(2, 8, 3, 5), torch.randn(2, 1, 8)
    mixed = mixer(features, audio)
    for frame in range(2):
        pixels = features[frame].flatten(1).T
        query = mixer.query.weight @ audio[frame, 0]
        keys, values = (pixels @ mixer.key_value.weight.T).split(8, 1)
        heard = torch.cat([
            (keys[:, half] @ query[half] / 2).softmax(0) @ values[:, half]
            for half in (slice(0, 4), slice(4, 8))
        ])
        expected = features[frame] * mixer.proj(heard).sigmoid()[:, None, None]
        torch.testing.assert_close(mixed[frame], expected)


def test_dice_loss():
    """By its formula, over labelled pixels of labelled frames."""
    torch.manual_seed(0)
    logits = torch.randn(3, 1, 4, 6, requires_grad=True)
    labels = torch.randint(0, 3, (3, 4, 6))
    labels[0, :2] = 255
    labels[1] = 255
    loss = FrameDiceLoss(loss_weight=2.)(logits, labels, ignore_index=255)
    expected = []
    for score, label in ((logits[0, 0, 2:], labels[0, 2:]),
                         (logits[2, 0], labels[2])):
        score, truth = score.sigmoid(), (label > 0).float()
        expected.append(1 - 2 * (score * truth).sum() /
                        (score.square().sum() + truth.sum() + 2e-3))
    torch.testing.assert_close(loss, sum(expected))
    loss.backward()
    assert logits.grad[1].abs().max() == 0


def test_dice_loss_of_silence_teaches_nothing():
    """As the README says, which is why SynthAVS's config has another too."""
    logits = torch.randn(1, 1, 4, 6, requires_grad=True)
    loss = FrameDiceLoss()(logits, torch.zeros(1, 4, 6, dtype=torch.long))
    loss.backward()
    assert loss.item() == pytest.approx(1)
    assert logits.grad.abs().max() == 0


@torch.no_grad()
def test_a_frames_own_sound_matters_to_its_mask():
    head, features, encoder, audio = head_and_inputs()
    head.eval()
    metas = [dict(img_shape=(32, 64))] * 2
    memory = head.encode_image(features)
    before = head.predict(memory, metas, {}, prompt=encoder(audio))
    assert before.shape == (2, 1, 32, 64)
    audio[0] += 1
    moved = head.predict(memory, metas, {}, prompt=encoder(audio)) - before
    assert moved[0].abs().max() > 1e-4
    assert moved[1].abs().max() < 1e-6
    torch.testing.assert_close(
        head(features, encoder(audio)), before + moved)


@pytest.mark.parametrize('classes, shape', [(2, 1), (4, 4)])
def test_losses_reach_every_parameter(classes, shape):
    """As distributed training wants it; both tasks."""
    loss = dict(type='CrossEntropyLoss', avg_non_ignore=True)
    kwargs = {} if classes == 2 else dict(loss_decode=loss)
    head, features, encoder, audio = head_and_inputs(
        num_classes=classes, **kwargs)
    labels = torch.randint(0, classes, (2, 32, 64))
    prompt = encoder(audio)
    assert head(features, prompt).shape == (2, shape, 32, 64)
    losses = head.loss(features, samples_with(labels), {}, prompt)
    assert set(losses) == {
        2: {'loss_dice', 'loss_mix'},
        4: {'loss_ce', 'acc_seg', 'loss_mix'}
    }[classes]
    sum(losses.values()).backward()
    missing = [name for part in (head, encoder)
               for name, p in part.named_parameters() if p.grad is None]
    assert not missing


def test_without_the_mixers_loss():
    head, features, encoder, audio = head_and_inputs(loss_mix=None)
    labels = torch.randint(0, 2, (2, 32, 64))
    losses = head.loss(features, samples_with(labels), {}, encoder(audio))
    assert set(losses) == {'loss_dice'}
