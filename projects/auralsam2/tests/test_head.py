# Copyright (c) mmteso contributors. All rights reserved.
"""SAM 2 below the prompts, what a mask depends on, and the losses."""
import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from transformers import Sam2Model

from mmteso_auralsam2 import (AudioContrastiveLoss, AuralSAM2Head,
                              SAM2ImageEncoder, SAM2Neck, StereoPrompt)

C = 16
FUSER = dict(type='AuralFuser', channels=C, depths=(1, 1, 1), audio_depth=1,
             num_heads=2, sr_ratio=1, dropout=0., projection_dims=4)


def head_and_inputs(decoder, count=3, joint=False, **kwargs):
    """A head with a pyramid of images of 32 x 64, and sounds."""
    torch.manual_seed(0)
    head = AuralSAM2Head(
        dict(FUSER, joint=joint), decoder_config=decoder,
        loss_contrast=dict(type='AudioContrastiveLoss'), **kwargs)
    for fusion in head.fuser.fusion_modules:  # they start at zero
        torch.nn.init.ones_(fusion.W_z[1].weight)
        torch.nn.init.ones_(fusion.W_z2[1].weight)
    pyramid = [torch.randn(count, C, 8 >> i, 16 >> i) for i in range(3)]
    return head, pyramid, StereoPrompt(3, C), torch.randn(count, 3)


def samples_with(labels):
    samples = []
    for mask in labels:
        sample = SegDataSample()
        sample.gt_sem_seg = PixelData(data=mask[None])
        samples.append(sample)
    return samples


@pytest.fixture
def decoder(narrow_sam2):
    return narrow_sam2[2]


@torch.no_grad()
def test_without_prompts_it_is_sam2(narrow_sam2, sam2_folder):
    """Encoder and decoder of a folder, of images of the folder's size."""
    _, hiera, decoder = narrow_sam2
    weights = dict(type='Pretrained', checkpoint=sam2_folder)
    encoder = SAM2ImageEncoder(hiera, C, init_cfg=weights).eval()
    head = AuralSAM2Head(FUSER, decoder, init_cfg=weights).eval()
    encoder.init_weights()
    head.init_weights()
    head.fuser.forward = lambda pyramid, audio: (
        [torch.zeros(2, 16, C)] * 3, [torch.zeros(2, C)] * 3)
    image = torch.randn(2, 3, 64, 64)
    found = head.decode(encoder(image), StereoPrompt(8)(torch.zeros(2, 8)))
    sam2 = Sam2Model.from_pretrained(sam2_folder).eval()
    *fine, coarse = sam2.get_image_embeddings(image)
    masks, ious, _, score = sam2.mask_decoder(
        image_embeddings=coarse,
        image_positional_embeddings=sam2.get_image_wide_positional_embeddings(
        ),
        sparse_prompt_embeddings=coarse.new_empty(2, 1, 0, C),
        dense_prompt_embeddings=sam2.prompt_encoder.no_mask_embed.weight[
            ..., None, None],
        multimask_output=True,
        high_resolution_features=fine)
    for mine, theirs in zip(found, (masks[:, 0], ious[:, 0], score[:, 0, 0])):
        assert theirs.std() > 1e-3
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)


def test_another_sam2_is_refused(narrow_sam2, sam2_folder, tmp_path):
    _, hiera, decoder = narrow_sam2
    weights = dict(type='Pretrained', checkpoint=sam2_folder)
    # as many weights
    other = dict(hiera, num_attention_heads_per_stage=[1, 2, 2, 4])
    with pytest.raises(ValueError, match='num_attention_heads_per_stage'):
        SAM2ImageEncoder(other, C, init_cfg=weights).init_weights()
    with pytest.raises(ValueError, match='num_attention_heads'):
        AuralSAM2Head(
            FUSER, dict(decoder, num_attention_heads=4),
            init_cfg=weights).init_weights()
    with pytest.raises(FileNotFoundError, match='config.json'):
        SAM2ImageEncoder(
            hiera, C, init_cfg=dict(weights, checkpoint=str(tmp_path))
        ).init_weights()


@torch.no_grad()
def test_where_the_prompts_enter(decoder):
    """As SAM's own hook for an embedding of a target, and as the image."""
    head = head_and_inputs(decoder)[0].eval()
    prompted = head.mask_decoder.transformer
    stock = type(prompted).__mro__[1](prompted.config).eval()
    stock.load_state_dict(prompted.state_dict())
    image, places = torch.randn(2, 1, C, 2, 4)
    tokens = torch.randn(1, 1, 6, C)
    sparse, dense = torch.randn(1, C), torch.randn(1, 8, C)

    def run(module, image, **kwargs):
        return module(
            point_embeddings=tokens.clone(), image_embeddings=image,
            image_positional_embeddings=places, attention_similarity=None,
            **{'target_embedding': None, **kwargs})

    target = F.pad(sparse[:, None].expand(-1, 4, -1), (0, 0, 2, 0))
    expected = run(stock, image + dense.mT.unflatten(2, (2, 4)),
                   target_embedding=target)
    still = [torch.zeros(1, 8, C)] * 2
    found = run(prompted, image, dense=[dense, *still],
                sparse=[sparse, sparse, torch.zeros(1, C)])
    torch.testing.assert_close(found, expected)
    # the last ones come before the last attention
    moved = run(prompted, image, dense=[dense, still[0], dense],
                sparse=[sparse, sparse, sparse])
    torch.testing.assert_close(moved[1][:, 0], found[1][:, 0] + dense)
    assert not torch.allclose(moved[0], found[0])


@torch.no_grad()
@pytest.mark.parametrize('joint', [False, True])
def test_whose_sound_matters(decoder, joint):
    """A frame's own; with ``joint`` those of its clip."""
    head, pyramid, encoder, audio = head_and_inputs(decoder, joint=joint)
    head.eval()
    metas = [dict(img_shape=(32, 64))] * 3
    memory = head.encode_image(pyramid)

    def predict():
        # of all masks: which one is chosen may change
        logits = head.predict(memory, metas, {}, prompt=encoder(audio))
        assert logits.shape == (3, 1, 32, 64)
        return head.decode(memory, encoder(audio))[0]

    before = predict()
    audio[0] += 1
    moved = (predict() - before).abs().amax((1, 2, 3))
    assert moved[0] > 1e-4
    assert (moved[1:] > 1e-7).all() if joint else (moved[1:] < 1e-6).all()


@torch.no_grad()
def test_the_mask_of_the_highest_iou(decoder):
    head, pyramid, encoder, audio = head_and_inputs(decoder)
    prompt = encoder(audio)
    masks, ious = head.eval().decode(pyramid, prompt)[:2]
    chosen = head(pyramid, prompt)
    for frame in range(3):
        assert torch.equal(chosen[frame, 0],
                           masks[frame, ious[frame].argmax()])


def test_losses_by_their_formulas(decoder):
    """Of a sounding frame with ignored pixels, a silent and an unknown one."""
    head = head_and_inputs(decoder, silent_masks=True)[0]
    torch.manual_seed(1)
    logits, ious = torch.randn(3, 3, 4, 6), torch.rand(3, 3)
    score = torch.randn(3)
    labels = torch.randint(0, 2, (3, 4, 6))
    labels[0, 0], labels[1], labels[2] = 255, 0, 255
    logits[1, 2] = -1.  # a blank mask for silence
    found = head.loss_by_masks(logits, ious, score, labels)
    expected = dict(mask=0., dice=0., iou=0., object=0.)
    for frame in range(2):
        known = labels[frame] != 255
        truth = labels[frame][known].float()
        rows = []
        for mask in logits[frame]:
            x = mask[known]
            p = x.sigmoid()
            focal = -(.25 * truth * (1 - p)**2 * p.log() + .75 *
                      (1 - truth) * p**2 * (1 - p).log()).mean()
            dice = 1 - (2 * (p * truth).sum() + 1) / (p.sum() +
                                                      truth.sum() + 1)
            union = ((x > 0) | (truth > 0)).sum()
            iou = ((x > 0) & (truth > 0)).sum() / union if union else 1.
            rows.append((20 * focal + dice, 20 * focal, dice, iou))
        _, focal, dice, _ = min(rows)
        expected['mask'] += focal / 2
        expected['dice'] += dice / 2
        expected['iou'] += sum(
            abs(said - row[3]) for said, row in zip(ious[frame], rows)) / 6
        expected['object'] += F.softplus(
            score[frame] if frame else -score[frame]) / 2
    assert rows[2][3] == 1.  # nothing where nothing sounds
    for name, value in expected.items():
        torch.testing.assert_close(found[f'loss_{name}'], value)
    # the paper's: the silent frame's masks teach nothing
    head.silent_masks = False
    logits.requires_grad_()
    sum(head.loss_by_masks(logits, ious, score, labels).values()).backward()
    assert logits.grad[0].any() and not logits.grad[1:].any()


@pytest.mark.parametrize('silent', [False, True])
def test_losses_reach_every_parameter(decoder, silent):
    """As distributed training wants it, where all is silent as well."""
    head, pyramid, encoder, audio = head_and_inputs(
        decoder, silent_masks=True)
    labels = torch.randint(0, 2, (3, 32, 64)) * (not silent)
    losses = head.loss(pyramid, samples_with(labels), {}, encoder(audio))
    assert set(losses) == {f'loss_{name}' for name in (
        'mask', 'dice', 'iou', 'object', 'contrast')}
    sum(losses.values()).backward()
    missing = [name for part in (head, encoder)
               for name, p in part.named_parameters() if p.grad is None]
    assert not missing
    if silent:  # masks are pushed to blank
        assert head.mask_decoder.upscale_conv2.weight.grad.any()


def test_contrastive_loss():
    """By its formula; unknown pixels and frames take no part."""
    torch.manual_seed(0)
    loss = AudioContrastiveLoss(tau=.5, num_pixels=10, loss_weight=2.)
    pixels = [F.normalize(torch.randn(3, 6, 4), dim=2) for _ in range(2)]
    sounds = [F.normalize(torch.randn(3, 4), dim=1) for _ in range(2)]
    labels = torch.tensor([[0, 0, 1, 1, 1, 255], [0] * 6, [255] * 6])
    wrong = torch.rand(3, 6) > .5
    anchors = [(level[i, j], int(labels[i, j])) for level in pixels
               for i in range(2) for j in range(6) if labels[i, j] != 255]
    audio = [(level[i], 1 - i) for level in sounds for i in range(2)]
    values = []
    for anchor, kind in anchors:
        scores = [((anchor @ other / .5).exp(), label)
                  for other, label in anchors + audio]
        negative = sum(score for score, label in scores if label != kind)
        values.append(
            sum(-(score / (score + negative)).log()
                for score, label in scores[len(anchors):] if label == kind) /
            2)
    found = loss(pixels, sounds, labels, wrong)
    torch.testing.assert_close(found, 2 * sum(values) / len(values))
    # a few by chance
    loss.num_pixels, loss.max_anchors = 1, 3
    assert torch.isfinite(loss(pixels, sounds, labels, wrong))
    # nothing known: no loss, and a gradient of zero
    pixels[0].requires_grad_()
    nothing = loss(pixels, sounds, torch.full_like(labels, 255), wrong)
    nothing.backward()
    assert nothing == 0 and not pixels[0].grad.any()


def test_neck():
    """Fine to coarse; the coarsest level reaches the last map alone."""
    neck = SAM2Neck([4, 6, 8, 10], out_channels=C)
    levels = [torch.randn(1, width, 16 >> i, 16 >> i)
              for i, width in enumerate([4, 6, 8, 10])]
    before = neck(levels)
    assert [x.shape for x in before] == [(1, C, 16 >> i, 16 >> i)
                                         for i in range(3)]
    levels[3] = levels[3] + 1
    changed = [not torch.equal(a, b) for a, b in zip(before, neck(levels))]
    assert changed == [False, False, True]


def test_stereo():
    audio = torch.randn(2, 3)
    prompt = StereoPrompt(3)(audio)
    assert torch.equal(prompt.features[:, 0], torch.cat([audio, audio], 1))
