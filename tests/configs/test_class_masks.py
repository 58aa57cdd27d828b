# Copyright (c) mmteso contributors. All rights reserved.
"""The ablation's rows with a training mask for each class that sounds."""
import pytest
from mmengine.runner import Runner
from narrow import load, narrow_config

from data import make_avsbench
from mmteso.testbeds.synthavs import generate_synthavs


@pytest.fixture(scope='module')
def roots(tmp_path_factory):
    folder = tmp_path_factory.mktemp('class-masks')
    generate_synthavs(
        str(folder / 'synthavs'),
        videos=6,
        frames=2,
        size=48,
        variant='hard')
    make_avsbench(folder / 'v1m', ('v1m', ))
    return folder


@pytest.mark.parametrize('bench', ['synthavs', 'v1m'])
def test_training_sees_the_classes(bench, roots, tmp_path):
    """The loss gets a mask for each class of a frame, and background's."""
    config = narrow_config(
        load(f'ablations/{bench}/class-masks.py'),
        roots / bench,
        tmp_path,
        frames=4)
    runner = Runner.from_cfg(config)
    head, seen = runner.model.decode_head, []
    loss_by_feat = head.loss_by_feat

    def spy(cls_logits, mask_logits, instances, metas):
        seen.extend(zip(instances, metas))
        return loss_by_feat(cls_logits, mask_logits, instances, metas)

    head.loss_by_feat = spy
    runner.train()
    assert len(seen) >= 2
    for instance, meta in seen:
        assert instance.labels.tolist() == \
            [0] + [1] * len(meta['frame_classes'])
        assert len(instance.masks) == len(instance.labels)
    assert max(len(meta['frame_classes']) for _, meta in seen) == 2
    assert {'J', 'F'} <= set(runner.test())
