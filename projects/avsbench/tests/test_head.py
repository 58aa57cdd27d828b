# Copyright (c) mmteso contributors. All rights reserved.
"""TPAVI, the head, and what a frame sees of the others."""
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.nn.functional import linear

from mmteso.models.prompting import AudioFeaturePrompt
from mmteso_avsbench import TPAVI, AVSBenchHead

CLIPS = 'ababb'  # of two and three frames, mixed
CHANNELS = [4, 6, 8, 10]


def same_of(clips):
    return torch.tensor([[a == b for b in clips] for a in clips])


def trained(module, seed=0):
    """Away from the start, where sound has no effect; in eval mode."""
    torch.manual_seed(seed)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=.5)
    return module.eval()


def plain_tpavi(tpavi, visual, audio):
    """As the paper writes it, pixel by pixel of one clip."""
    frames, channels, height, width = visual.shape
    pixels = visual.movedim(1, -1).reshape(-1, channels)
    sounds = tpavi.audio(audio).repeat_interleave(height * width, 0)
    queries = linear(pixels, tpavi.theta.weight.flatten(1), tpavi.theta.bias)
    values, keys = tpavi.g(pixels), tpavi.phi(sounds)
    heard = torch.stack([
        sum(query @ key * value
            for key, value in zip(keys, values)) / len(pixels)
        for query in queries
    ])
    heard = heard.unflatten(0, (frames, height, width)).movedim(-1, 1)
    fused = visual + tpavi.mu(heard)
    return tpavi.norm(fused.movedim(1, -1)).movedim(-1, 1)


@torch.no_grad()
def test_tpavi_is_the_papers():
    tpavi = trained(TPAVI(8, audio_dims=3))
    visual, audio = torch.randn(5, 8, 2, 3), torch.randn(5, 3)
    fused, projected = tpavi(visual, audio, same_of(CLIPS))
    for clip in 'ab':
        frames = [i for i, name in enumerate(CLIPS) if name == clip]
        expected = plain_tpavi(tpavi, visual[frames], audio[frames])
        torch.testing.assert_close(fused[frames], expected)
    assert projected.shape == (5, 8)


def test_untrained_tpavi_leaves_the_picture():
    tpavi = TPAVI(8, audio_dims=3)
    visual = torch.randn(2, 8, 3, 3)
    fused, _ = tpavi(visual, torch.randn(2, 3), same_of('aa'))
    expected = tpavi.norm(visual.movedim(1, -1)).movedim(-1, 1)
    torch.testing.assert_close(fused, expected)


def head_and_inputs(count=5, **kwargs):
    """A head with features of an image of 32 x 48."""
    head = AVSBenchHead(
        CHANNELS, feat_channels=8, channels=4, audio_dims=3, **kwargs)
    features = [
        torch.randn(count, width, 8 >> i, 12 >> i)
        for i, width in enumerate(CHANNELS)
    ]
    return head, features, torch.randn(count, 3)


def predict(head, features, audio, clips):
    metas = [
        dict(subset='v1m', uid=name, img_shape=(32, 48)) for name in clips
    ]
    return head.predict(
        head.encode_image(features), metas, {},
        prompt=AudioFeaturePrompt(3)(audio))


@torch.no_grad()
def test_a_clips_frames_matter_to_each_other_alone():
    head, features, audio = head_and_inputs()
    # another batch rounds in another way
    trained(head).double()
    features, audio = [level.double() for level in features], audio.double()
    before = predict(head, features, audio, CLIPS)
    assert before.shape == (5, 1, 32, 48)
    other = audio.clone()
    other[0] += 1  # a frame of clip a
    moved = (predict(head, features, other, CLIPS) - before).abs()
    moved = moved.amax((1, 2, 3))
    assert [value > 1e-3 for value in moved.tolist()] == [
        name == 'a' for name in CLIPS
    ]
    # batched with other clips or not, in whatever order
    alone = [4, 1, 3]
    torch.testing.assert_close(
        predict(head, [level[alone] for level in features], audio[alone],
                'bbb'), before[alone])


@torch.no_grad()
def test_frames_of_no_known_clip_are_alone():
    head, features, audio = head_and_inputs()
    trained(head)
    together = head(features, AudioFeaturePrompt(3)(audio))
    alone = predict(head, features, audio, 'abcde')
    torch.testing.assert_close(together, alone)


def samples_with(labels, clips):
    samples = []
    for mask, name in zip(labels, clips):
        sample = SegDataSample(metainfo=dict(subset='v1s', uid=name))
        sample.gt_sem_seg = PixelData(data=mask[None])
        samples.append(sample)
    return samples


def test_a_frame_without_mask_is_seen_and_not_scored():
    """Its labels are all 255: the loss is the other frame's, but what it
    shows has a gradient through TPAVI."""
    head, features, audio = head_and_inputs(2)
    trained(head)
    labels = torch.randint(0, 2, (2, 32, 48))
    labels[1] = 255
    features[0].requires_grad_()
    prompt = AudioFeaturePrompt(3)(audio)
    loss = head.loss(features, samples_with(labels, 'aa'), {}, prompt)
    assert set(loss) == {'loss_ce'}
    logits = predict(head, features, audio, 'aa')[0, 0]
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, labels[0].float())
    torch.testing.assert_close(loss['loss_ce'], expected)
    loss['loss_ce'].backward()
    assert features[0].grad[1].abs().max() > 0


def plain_mapping_loss(logits, heard):
    """As the paper writes it: frame by frame, channel by channel."""
    total = 0.
    for fused, sounds in heard:
        height, width = fused.shape[2:]
        for mask, frame, sound in zip(logits[:, 0].sigmoid(), fused, sounds):
            small = torch.stack([
                torch.stack([part.mean() for part in row.chunk(width, 1)])
                for row in mask.chunk(height)
            ])
            seen = torch.stack([(small * channel).mean() for channel in frame])
            for p, q in zip(seen.softmax(0), sound.softmax(0)):
                total += p * (p / q).log() / len(logits)
    return total


@pytest.mark.parametrize('weight', [0., 0.5])
def test_mapping_loss(weight):
    """The paper's by its weight, and every parameter trains (DDP)."""
    torch.manual_seed(0)
    head, features, audio = head_and_inputs(2, loss_avm_weight=weight)
    labels = torch.randint(0, 2, (2, 32, 48))
    samples = samples_with(labels, 'aa')
    prompt = AudioFeaturePrompt(3)(audio)
    losses = head.loss(features, samples, {}, prompt)
    assert ('loss_avm' in losses) == bool(weight)
    if weight:
        expected = weight * plain_mapping_loss(*head.decode(
            head.encode_image(features), prompt,
            [sample.metainfo for sample in samples]))
        torch.testing.assert_close(losses['loss_avm'], expected)
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in head.parameters())
