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


def test_stages():
    """Two stages of the backbone learn the classes, too."""
    model = narrow_model(load('teso/teso_r18_synthavs.py').model)
    model.decode_head.update(type='PixelSupervisedHead', pmqs=None, stages=2)
    model = build(
        set_classes(model, CLASSES),
        audio_encoder=None,
        prompt_encoder=None,
        latent_loss=None)
    stages = model.decode_head.stage_classifiers
    for stage in stages:
        torch.nn.init.zeros_(stage.weight), torch.nn.init.zeros_(stage.bias)
    losses = model.loss(**make_batch(num_classes=CLASSES))
    losses = [losses[f'decode.loss_stage{i}'] for i in range(2)]
    # nothing known: the cross entropy of four equal classes
    for loss in losses:
        assert loss.item() == pytest.approx(5 * math.log(CLASSES))
    sum(losses).backward()
    assert all(stage.weight.grad.abs().sum() > 0 for stage in stages)
