# Copyright (c) mmteso contributors. All rights reserved.
import copy

import pytest
import torch
import torch.nn.functional as F
from narrow import PROMPT_DIMS, make_batch, random_prompt
from narrow import build as build_model
from tiny_sam import DECODER, IMG_SIZE, WIDTH

from mmteso.models.sam import read_sam_folder

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")

PMQS = dict(
    type='PMQS', prompt_dims=PROMPT_DIMS, query_dims=WIDTH, hidden_dims=16)
GRID = IMG_SIZE // 8


@pytest.fixture(scope='module')
def stock(sam_folder):
    return read_sam_folder(sam_folder).eval()


def build(folder=None, **kwargs):
    if folder is not None:
        kwargs.update(init_cfg=dict(type='Pretrained', checkpoint=folder))
    settings = dict(type='TeSOSAMHead', decoder_config=DECODER, num_points=64)
    return build_model(dict(settings, **kwargs))


@pytest.fixture
def prompted(sam_folder):
    return build(sam_folder, pmqs=PMQS)


def features(batch_size=2, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(batch_size, WIDTH, GRID, GRID, generator=rng),


def stock_masks(stock, image_embeddings):
    """All four masks without prompts."""
    with torch.no_grad():
        one, three = (stock(image_embeddings=image_embeddings,
                            multimask_output=many).pred_masks[:, 0]
                      for many in (False, True))
    return torch.cat([one, three], dim=1)


@pytest.mark.parametrize('token', [0, 3])
@torch.no_grad()
def test_equals_transformers(sam_folder, stock, token):
    """Without PMQS, and with one whose gate is closed."""
    expected = stock_masks(stock, features()[0])[:, token:token + 1]
    assert expected.shape == (2, 1, 4 * GRID, 4 * GRID)
    assert expected.std() > 0.02
    plain = build(sam_folder, mask_token=token)
    # a prompt doesn't matter to a head without pmqs
    for given in (None, random_prompt()):
        torch.testing.assert_close(
            plain(features(), prompt=given), expected, atol=1e-5, rtol=1e-5)
    gated = build(
        sam_folder, mask_token=token, pmqs=dict(PMQS, norm='zero_gated'))
    torch.testing.assert_close(gated(features(), prompt=random_prompt()),
                               expected, atol=1e-5, rtol=1e-5)


def test_pmqs_feeds_the_unchanged_decoder(prompted, stock):
    """Prompting is replacing the output tokens, and nothing else."""
    given = random_prompt(batch_size=1)
    decoder = copy.deepcopy(stock)
    with torch.no_grad():
        tokens = torch.cat([stock.mask_decoder.iou_token.weight,
                            stock.mask_decoder.mask_tokens.weight])
        tokens = prompted.pmqs(tokens[None], given)[0]
        decoder.mask_decoder.iou_token.weight.copy_(tokens[:1])
        decoder.mask_decoder.mask_tokens.weight.copy_(tokens[1:])
        found = prompted(features(1), prompt=given)
        torch.testing.assert_close(found,
                                   stock_masks(decoder, features(1)[0])[:, :1],
                                   atol=1e-5, rtol=1e-5)


def samples(silent=None, ignored=None):
    batch = make_batch(size=IMG_SIZE, silent=silent)['data_samples']
    if ignored is not None:
        batch[1].gt_sem_seg.data[ignored] = 255
    return batch


RIGHT = (..., slice(IMG_SIZE // 2, None))


def test_losses_equal_their_definitions(monkeypatch):
    """5 times BCE, 5 times Mask2Former's dice loss, here at every pixel; of a
    silent frame too, whose mask is empty."""
    places = (torch.arange(IMG_SIZE) + 0.5) / IMG_SIZE
    grid = torch.cartesian_prod(places, places).flip(1).expand(2, -1, -1)
    monkeypatch.setattr(
        'mmteso.models.decode_heads.teso_sam_head.'
        'get_uncertain_point_coords_with_randomness', lambda *_: grid)
    logits = torch.randn(2, 1, IMG_SIZE, IMG_SIZE)
    batch = samples(silent=1)
    losses = build().loss_by_feat(logits, batch)
    assert set(losses) == {'loss_mask', 'loss_dice'}
    target = torch.stack([s.gt_sem_seg.data for s in batch]).float()
    assert target[0].any() and not target[1].any()
    torch.testing.assert_close(
        losses['loss_mask'],
        5 * F.binary_cross_entropy_with_logits(logits, target))
    p, t = logits.sigmoid().flatten(1), target.flatten(1)
    dice = 1 - (2 * (p * t).sum(1) + 1) / (p.sum(1) + t.sum(1) + 1)
    torch.testing.assert_close(losses['loss_dice'], 5 * dice.mean())


def test_ignored_pixels_do_not_count():
    """Predictions there change nothing."""
    # without importance sampling, which looks at the prediction
    head = build(num_points=20000, importance_sample_ratio=0.)
    right = (..., slice(2 * GRID + 2, None))
    logits = torch.randn(2, 1, 4 * GRID, 4 * GRID)
    other = logits.clone()
    other[1][right] *= -1
    results = []
    for value in (logits, other):
        value.requires_grad_()
        torch.manual_seed(0)
        results.append(head.loss_by_feat(value, samples(ignored=RIGHT)))
        sum(results[-1].values()).backward()
        assert not value.grad[1][right].any()
    for key, loss in results[0].items():
        torch.testing.assert_close(results[1][key], loss)
    # and it isn't the same as background
    background = samples()
    background[1].gt_sem_seg.data[RIGHT] = 0
    torch.manual_seed(0)
    counted = head.loss_by_feat(logits, background)
    assert not torch.allclose(counted['loss_mask'], results[0]['loss_mask'])


def test_frames_without_any_label():
    logits = torch.randn(2, 1, 4 * GRID, 4 * GRID, requires_grad=True)
    losses = build().loss_by_feat(logits, samples(ignored=...)[1:] * 2)
    assert all(loss == 0 for loss in losses.values())
    sum(losses.values()).backward()
    assert not logits.grad.any()


def test_classes_are_an_error():
    batch = make_batch(size=IMG_SIZE, num_classes=3)['data_samples']
    with pytest.raises(ValueError, match="a label is 2: set task='binary'"):
        build().loss(features(), batch, None)


@pytest.mark.parametrize('token', [0, 3])
def test_every_trainable_parameter_gets_a_gradient(token):
    """DDP waits for those that get none."""
    head = build(pmqs=PMQS, mask_token=token).train()
    losses = head.loss(features(), samples(), None, random_prompt())
    sum(losses.values()).backward()
    for name, parameter in head.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
    mlps = head.mask_decoder.output_hypernetworks_mlps
    assert mlps[token].proj_in.weight.requires_grad
    assert head.mask_decoder.mask_tokens.weight.requires_grad


@pytest.mark.parametrize('arguments, message', [
    (dict(mask_token=4), 'one of 0 to 3, but got 4'),
    (dict(decoder_config=dict(depth=2)), r"no fields \['depth'\]"),
    (dict(init_cfg=dict(type='Normal')), 'type Pretrained'),
])
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        build(**arguments)
