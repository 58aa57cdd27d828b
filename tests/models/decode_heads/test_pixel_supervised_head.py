# Copyright (c) mmteso contributors. All rights reserved.
import math

import pytest
import torch
import torch.nn.functional as F
from narrow import build, load, make_batch, narrow_model, set_classes

CLASSES = 4


@pytest.fixture
def models():
    """A segmentor with the plain head and one with ours, same weights."""
    built = []
    for kind in ('TeSOHead', 'PixelSupervisedHead'):
        model = narrow_model(load('teso/teso_r18_synthavs.py').model)
        model.decode_head.update(type=kind, pmqs=None)
        built.append(build(set_classes(model, CLASSES), audio_encoder=None,
                           prompt_encoder=None, latent_loss=None))
    plain, ours = built
    left = ours.load_state_dict(plain.state_dict(), strict=False)
    assert set(left.missing_keys) == {
        'decode_head.pixel_classifier.weight',
        'decode_head.pixel_classifier.bias'} and not left.unexpected_keys
    return plain.eval(), ours.eval()


def test_loss_of_pixels(models):
    plain, ours = models
    batch = make_batch(num_classes=CLASSES)
    with torch.no_grad():
        for one, other in zip(plain.predict(batch['inputs']),
                              ours.predict(batch['inputs'])):
            assert torch.equal(one.seg_logits.data, other.seg_logits.data)
    batch['data_samples'][0].gt_sem_seg.data[:, :8] = 255
    torch.manual_seed(3)
    expected = plain.loss(**batch)
    torch.manual_seed(3)
    losses = ours.loss(**batch)
    pixel = losses.pop('decode.loss_pixel')
    assert losses.keys() == expected.keys()
    for name in losses:
        torch.testing.assert_close(losses[name], expected[name])
    # cross entropy over the pixels that count, background's a fifth
    head = ours.decode_head
    memory = head.encode_image(ours.extract_feat(batch['inputs']['img']))
    scores = head.pixel_classifier(memory.mask_features).log_softmax(1)
    total = weight = 0
    for sample, score in zip(batch['data_samples'], scores):
        labels = F.interpolate(
            sample.gt_sem_seg.data[None].float(), score.shape[-2:])[0, 0]
        for i, j in (labels != 255).nonzero().tolist():
            label = int(labels[i, j])
            w = 1.0 if label else 0.2
            total, weight = total - w * score[label, i, j], weight + w
    torch.testing.assert_close(pixel, 5 * total / weight)


def test_other_classes_in_pixels_and_stages():
    """Masks learn two classes, pixels and two stages of the backbone four."""
    model = narrow_model(load('teso/teso_r18_synthavs.py').model)
    model.decode_head.update(
        type='PixelSupervisedHead', pmqs=None, pixel_classes=CLASSES, stages=2)
    model = build(
        model, audio_encoder=None, prompt_encoder=None, latent_loss=None)
    batch = make_batch(num_classes=CLASSES)
    for sample in batch['data_samples']:
        sample.gt_classes = sample.gt_sem_seg.clone()
        sample.gt_sem_seg.data = (sample.gt_classes.data > 0).long()
    model.loss(**batch)
    head = model.decode_head
    for weight, bias in [
            (head.pixel_classifier.weight, head.pixel_classifier.bias),
            *((c.weight, c.bias) for c in head.stage_classifiers)]:
        torch.nn.init.zeros_(weight), torch.nn.init.zeros_(bias)
    losses = model.loss(**batch)
    # nothing known: the cross entropy of four equal classes
    for name in ('pixel', 'stage0', 'stage1'):
        assert losses[f'decode.loss_{name}'].item() == pytest.approx(
            5 * math.log(CLASSES))
    torch.stack([losses[f'decode.loss_stage{i}'] for i in (0, 1)]).sum() \
        .backward()
    assert [c.weight.grad.abs().sum() > 0
            for c in head.stage_classifiers] == [True, True]
