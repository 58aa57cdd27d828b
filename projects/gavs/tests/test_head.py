# Copyright (c) mmteso contributors. All rights reserved.
"""The prompt, the decoder, the adapters and the losses."""
import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmteso.models.adapters import BottleneckAdapter, freeze
from mmteso.models.backbones import SAMImageEncoder
from mmteso.models.prompting import AudioFeaturePrompt

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")

from mmteso_gavs import (AudioVisualTripletLoss, ColASAMImageEncoder, GAVSHead,
                         SemanticAwareAudioPrompt, SummedPyramid)

C, A = 16, 6  # channels of image and sound
VISION = dict(
    hidden_size=16, output_channels=C, num_hidden_layers=3,
    num_attention_heads=2, patch_size=8, window_size=3,
    global_attn_indexes=[1], initializer_range=0.1)


def open_adapters(model):
    """New ones are identities: a broken one would look like a working one."""
    for module in model.modules():
        if isinstance(module, BottleneckAdapter):
            torch.nn.init.normal_(module.up.weight)
    return model


def head_and_inputs(count=2, **kwargs):
    """A head with features of images of 32 x 48, and sounds."""
    torch.manual_seed(0)
    init_default_scope('mmseg')
    head = GAVSHead(
        audio_dims=A,
        sap=dict(hidden_dims=8, num_noise=2),
        decoder_config=dict(
            hidden_size=C, mlp_dim=16, num_attention_heads=2,
            iou_head_hidden_dim=8),
        **kwargs)
    features = (torch.randn(count, C, 4, 6), )
    return open_adapters(head), features, torch.randn(count, A)


def samples_with(labels, uids='ab'):
    samples = []
    for mask, uid in zip(labels, uids):
        sample = SegDataSample(metainfo=dict(uid=uid))
        sample.gt_sem_seg = PixelData(data=mask[None])
        samples.append(sample)
    return samples


def test_prompt():
    """Cue, noise as wide as the sound, sound; each to a token."""
    torch.manual_seed(0)
    sap = SemanticAwareAudioPrompt(A, C, hidden_dims=8, num_noise=2)
    image, audio = torch.randn(2, C, 4, 6), torch.randn(2, A)
    audio[1] = 0.  # a muted sound may be the zero vector
    audio.requires_grad_()
    tokens, cue = sap(image, audio)
    for i in range(2):
        assert torch.allclose(cue[i], sap.cue(image[i].flatten(1).mean(1)))
        spread = (audio[i] - audio[i].mean()).square().mean().sqrt()
        features = [cue[i], *(spread * noise for noise in sap.noise), audio[i]]
        torch.testing.assert_close(
            tokens[i], torch.stack([sap.projection(x) for x in features]))
    tokens.sum().backward()
    assert audio.grad.isfinite().all()


@torch.no_grad()
def test_decoder_is_sams():
    """With the prompt's tokens where SAM has those of points."""
    head, features, audio = head_and_inputs()
    found = head(features, prompt=AudioFeaturePrompt(A)(audio))
    tokens, _ = head.sap(features[0] + head.no_mask_embed.weight[..., None,
                                                                 None], audio)
    expected, _ = head.mask_decoder(
        image_embeddings=features[0],
        image_positional_embeddings=head.positional_encoding(4, 6).expand(
            2, -1, -1, -1),
        sparse_prompt_embeddings=tokens[:, None],
        dense_prompt_embeddings=head.no_mask_embed.weight[..., None, None],
        multimask_output=False)
    assert found.shape == (2, 1, 16, 24)
    torch.testing.assert_close(found, expected[:, 0])


@torch.no_grad()
def test_a_frames_own_sound_matters_to_its_mask():
    head, features, audio = head_and_inputs()
    metas = [dict(img_shape=(32, 48))] * 2
    encode, memory = AudioFeaturePrompt(A), head.encode_image(features)
    before = head.predict(memory, metas, {}, prompt=encode(audio))
    assert before.shape == (2, 1, 32, 48)
    audio[0] += 1
    moved = head.predict(memory, metas, {}, prompt=encode(audio)) - before
    assert moved[0].abs().max() > 1e-4
    assert moved[1].abs().max() < 1e-6


@torch.no_grad()
def test_adapters_of_the_encoder():
    """None at the start, then in the last layers alone."""
    torch.manual_seed(0)
    plain = SAMImageEncoder(img_size=32, vision_config=VISION)
    adapted = ColASAMImageEncoder(
        num_adapted=2, adapter_ratio=4, img_size=32, vision_config=VISION)
    unknown = adapted.load_state_dict(plain.state_dict(), strict=False)[1]
    assert not unknown
    images = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(adapted(images), plain(images))
    freeze([adapted])
    trained = {
        name.split('.')[2]
        for name, value in adapted.named_parameters() if value.requires_grad
    }
    assert trained == {'1', '2'}
    assert not torch.allclose(
        open_adapters(adapted)(images)[0], plain(images)[0], atol=1e-3)
    with pytest.raises(ValueError, match='num_adapted'):
        ColASAMImageEncoder(num_adapted=4, vision_config=VISION)


def test_triplet_loss():
    """Against torch's, over pairs of clips that sound."""
    torch.manual_seed(0)
    audio, cue = torch.randn(2, 5, A)
    clips = [0, 0, 1, 2, 3]
    same = torch.tensor(clips)[:, None] == torch.tensor(clips)
    sounding = torch.tensor([1, 1, 1, 1, 0]).bool()
    triplets = [(audio[i], cue[i], cue[j]) for i in range(4) for j in range(4)
                if clips[i] != clips[j]]
    expected = F.triplet_margin_with_distance_loss(
        *map(torch.stack, zip(*triplets)),
        distance_function=lambda x, y: 1 - F.cosine_similarity(x, y),
        margin=0.5)
    loss = AudioVisualTripletLoss(margin=0.5, loss_weight=2.)
    torch.testing.assert_close(
        loss(audio, cue, same, sounding), 2 * expected)
    assert loss(audio, cue, same, torch.zeros(5).bool()) == 0


def test_losses_reach_every_parameter_that_trains():
    """As distributed training wants it."""
    head, features, audio = head_and_inputs(
        loss_align=dict(type='AudioVisualTripletLoss', margin=2.))
    labels = torch.randint(0, 2, (2, 32, 48))
    losses = head.loss(features, samples_with(labels), {},
                       AudioFeaturePrompt(A)(audio))
    assert set(losses) == {'loss_mask', 'loss_align'}
    sum(losses.values()).backward()
    for name, value in head.named_parameters():
        assert (value.grad is not None) == value.requires_grad, name


def test_loss_of_the_masks():
    """Cross entropy of labelled pixels; silence is taught too."""
    head, features, audio = head_and_inputs()
    prompt = AudioFeaturePrompt(A)(audio)
    labels = torch.randint(0, 2, (2, 32, 48))
    labels[0, :, :9] = 255
    labels[1] = 0
    losses = head.loss(features, samples_with(labels), {}, prompt)
    assert set(losses) == {'loss_mask'}
    logits = F.interpolate(
        head(features, prompt=prompt), (32, 48), mode='bilinear')[:, 0]
    known = labels != 255
    torch.testing.assert_close(
        losses['loss_mask'],
        F.binary_cross_entropy_with_logits(logits[known],
                                           labels[known].float()))
    features[0].requires_grad_()
    loss = head.loss(features, samples_with(labels), {}, prompt)['loss_mask']
    loss.backward()
    assert features[0].grad[1].abs().max() > 0


@pytest.mark.parametrize('level', [0, 2])
def test_neck_takes_any_levels(level):
    """A pyramid, of which each level matters, or one map."""
    levels = [torch.randn(1, 4 + i, 16 >> i, 24 >> i) for i in range(3)]
    neck = SummedPyramid([4, 5, 6], C, level)
    found, = neck(levels)
    assert found.shape == (1, C, 16 >> level, 24 >> level)
    for i in range(3):
        changed = [x + 3 * torch.randn(x.shape) * (i == j)
                   for j, x in enumerate(levels)]
        assert not torch.allclose(neck(changed)[0], found, atol=1e-3)
    assert SummedPyramid([4], C, 0)(levels[:1])[0].shape == (1, C, 16, 24)
