# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from mmengine.structures import InstanceData, PixelData
from mmseg.models.decode_heads import Mask2FormerHead
from narrow import (build, load, make_batch, narrow_model, random_prompt,
                    set_classes, stock_model)

from mmteso.models import TeSOHead
from mmteso.models.decode_heads import batched_mask2former_head


def stock_head_config(num_classes=5):
    return set_classes(stock_model('swin-b'), num_classes).decode_head


@pytest.fixture
def heads():
    """mmseg's head and ours without pmqs, with the same weights."""
    stock = build(stock_head_config())
    ours = build(stock_head_config(), seed=1, type='TeSOHead')
    ours.load_state_dict(stock.state_dict())  # strict: no key differs
    assert type(stock) is Mask2FormerHead
    return stock, ours


@pytest.fixture
def prompted():
    """Our head with pmqs, as teso_swin-b_v1m has it."""
    return build(narrow_model(load('teso/teso_swin-b_v1m.py').model)
                 .decode_head)


def features(batch_size=2, seed=0, sides=(16, 8, 4, 2)):
    rng = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(batch_size, 8 * 2**i, side, side, generator=rng)
                 for i, side in enumerate(sides))


def test_without_pmqs_equals_mask2former_bit_for_bit(heads):
    stock, ours = heads
    expected = stock(features(), None)
    # a prompt doesn't matter to a head without pmqs
    for given in (None, random_prompt()):
        for outputs, references in zip(
                ours(features(), prompt=given), expected):
            assert len(outputs) == len(references) == 5
            assert all(map(torch.equal, outputs, references))
    for meta in (dict(img_shape=(60, 64), pad_shape=(64, 64)),
                 dict(img_shape=(60, 64))):
        maps = [head.predict(features(), [meta] * 2, None) for head in heads]
        assert torch.equal(*maps)
    assert maps[0].shape == (2, 5, 60, 64)
    # in eval mode, all that isn't returned is left out
    maps = [head.eval().predict(features(), [meta] * 2, None)
            for head in heads]
    torch.testing.assert_close(*maps)


def test_queries_that_see_no_pixel_see_all(heads):
    """Both heads take the same way where a query's mask is empty."""
    stock, ours = heads
    for head in heads:
        # makes the masks of the first prediction negative everywhere
        torch.nn.init.zeros_(head.mask_embed[-1].weight)
        torch.nn.init.constant_(head.mask_embed[-1].bias, 1)
        torch.nn.init.zeros_(head.pixel_decoder.mask_feature.weight)
        torch.nn.init.constant_(head.pixel_decoder.mask_feature.bias, -1)
    cls_scores, masks = ours(features())
    assert (masks[0] < 0).all()
    assert torch.isfinite(cls_scores[-1]).all()
    assert torch.equal(cls_scores[-1], stock(features(), None)[0][-1])


@pytest.fixture
def same_points(monkeypatch):
    """Every mask is sampled at the same random points."""
    rand = torch.rand

    def repeated(*shape, **kwargs):
        shape = shape if len(shape) > 1 else shape[0]
        points = rand(shape[-2:], generator=torch.Generator().manual_seed(3))
        return points.expand(shape).clone()

    monkeypatch.setattr(torch, 'rand', repeated)


@pytest.mark.parametrize('chunk, second', [(2**20, 'object'),
                                           (2**20, 'silent'), (1, 'object')])
def test_without_pmqs_has_the_losses_of_mask2former(heads, chunk, second,
                                                    same_points, monkeypatch):
    """mmdet's, layer by layer and frame by frame; however much is matched at
    a time."""
    monkeypatch.setattr(batched_mask2former_head, '_MATCH_CHUNK', chunk)
    silent = 1 if second == 'silent' else None
    samples = make_batch(num_classes=5, silent=silent)['data_samples']
    losses = []
    for head in heads:
        losses.append(head.loss(features(), samples, None))
        sum(losses[-1].values()).backward()
    assert list(losses[0]) == list(losses[1]) and len(losses[0]) == 15
    for name, loss in losses[0].items():
        torch.testing.assert_close(losses[1][name], loss.squeeze())
    theirs, ours = (dict(head.named_parameters()) for head in heads)
    for name, parameter in theirs.items():
        torch.testing.assert_close(
            ours[name].grad, parameter.grad, msg=lambda text, name=name:
            f'{name}: {text}')


def test_more_masks_than_queries(heads, same_points):
    """The best of them are matched, as in mmdet."""
    queries, rng = heads[0].num_queries, torch.Generator().manual_seed(0)
    cls, masks = ([torch.randn(2, queries, *shape, generator=rng)
                   for _ in range(5)] for shape in ((6, ), (16, 16)))
    gt = InstanceData(
        labels=torch.arange(queries + 3) % 5,
        masks=(torch.randn(queries + 3, 64, 64, generator=rng) > 0).long())
    stock, ours = (head.loss_by_feat(cls, masks, [gt, gt[:1]], [{}, {}])
                   for head in heads)
    for name, loss in stock.items():
        torch.testing.assert_close(ours[name], loss.squeeze())


def test_frames_without_any_label_give_finite_losses(prompted):
    samples = make_batch()['data_samples']
    for sample in samples:
        sample.gt_sem_seg.data.fill_(255)
    losses = prompted.loss(features(), samples, None, random_prompt())
    assert all(loss == 0 for loss in losses.values())
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in prompted.pmqs.parameters())


def test_a_frame_without_any_label_counts_for_nothing(heads, same_points):
    """As the later frames of a clip of V1S, which have no mask."""
    samples = make_batch(num_classes=5)['data_samples']
    samples[1].gt_sem_seg.data.fill_(255)
    first = [level[:1] for level in features()]
    expected = heads[0].loss(first, samples[:1], None)
    for name, loss in heads[1].loss(features(), samples, None).items():
        torch.testing.assert_close(loss, expected[name].squeeze())


def test_pmqs_feeds_the_unchanged_decoder(prompted):
    """Prompting is replacing the query features, and nothing else."""
    given = random_prompt(batch_size=1)
    queries = prompted.pmqs(prompted.query_feat.weight[None], given)
    expected = prompted(features(1), None, given)
    stock = build(stock_head_config(num_classes=2))
    state = prompted.state_dict()
    state['query_feat.weight'] = queries[0]
    stock.load_state_dict({name: state[name] for name in stock.state_dict()})
    for outputs, references in zip(stock(features(1), None), expected):
        for output, reference in zip(outputs, references):
            torch.testing.assert_close(output, reference)


def test_sounding_score():
    seg_logits = torch.rand(2, 50, 50) * 37  # S is no probability
    score = TeSOHead.sounding_score(seg_logits)
    assert score.shape == (1, 50, 50)
    assert torch.equal(score > 0.5, seg_logits.argmax(0, keepdim=True) == 1)
    torch.testing.assert_close(
        score[0], seg_logits[1] / (seg_logits[0] + seg_logits[1]))
    # more classes: all but background together
    several = TeSOHead.sounding_score(
        torch.tensor([1., 2., 3., 4.]).view(4, 1, 1))
    assert several.item() == pytest.approx(0.9)
    # no query claims the pixel: nothing sounds, and no 0 / 0
    assert TeSOHead.sounding_score(torch.zeros(2, 1, 1)).item() == 0


def by_class(head):
    """The same head with ``targets='class'``."""
    config = narrow_model(load('teso/teso_swin-b_v1m.py').model).decode_head
    other = build(config, targets='class')
    other.load_state_dict(head.state_dict())
    return other


def frames_with_classes(num_classes):
    """Binary samples that know their classes."""
    samples = make_batch(num_classes=num_classes, silent=1)['data_samples']
    for sample in samples:
        sample.gt_sem_seg.data[:, :4] = 255
        sample.gt_classes = PixelData(data=sample.gt_sem_seg.data.clone())
        sounding = sample.gt_sem_seg.data % 255 > 0
        sample.gt_sem_seg.data[sounding] = 1
    return samples


def test_a_mask_for_each_class_that_sounds(prompted, monkeypatch):
    """Background, and each class as sounding; a silent frame has only one."""
    head, found = by_class(prompted), []
    monkeypatch.setattr(
        head, 'loss_by_feat',
        lambda cls, masks, instances, metas: found.extend(instances))
    samples = frames_with_classes(num_classes=4)
    head.loss(features(), samples, None, random_prompt())
    assert [instance.labels.tolist() for instance in found
            ] == [[0, 1, 1, 1], [0]]
    for instance, sample in zip(found, samples):
        classes = sample.gt_classes.data
        for label, mask in enumerate(instance.masks):
            assert torch.equal(mask[None].bool(), classes == label)


def test_classes_are_needed_and_two_outputs(prompted):
    with pytest.raises(KeyError, match='load_classes=True'):
        by_class(prompted).loss(
            features(), make_batch()['data_samples'], None, random_prompt())
    with pytest.raises(ValueError, match='num_classes=2, but got 5'):
        build(stock_head_config(5), type='TeSOHead', targets='class')
