# Copyright (c) mmteso contributors. All rights reserved.
"""The label-filter baseline: its configs and the whole way through them."""
import copy

import pytest
import torch
from mmengine.runner import Runner
from narrow import load, narrow_config


CONFIG = 'ablations/v1m/label-filter.py'


def types(pipeline):
    return [step.type for step in pipeline]


def test_no_text_but_a_filter():
    config, full = load(CONFIG), load('teso/teso_swin-b_avss.py')
    assert config.model.type == 'LabelFilterSegmentor'
    assert config.model.decode_head == full.model.decode_head
    assert config.load_from == full.load_from
    # in training not even the words; at test time the words alone
    before = types(full.train_dataloader.dataset.pipeline)
    before.remove('LoadTextCues')
    assert types(config.train_dataloader.dataset.pipeline) == before
    for split in ('val', 'test'):
        dataset = config[f'{split}_dataloader'].dataset
        assert (dataset.task, dataset.subsets) == ('semantic', 'v1m')
        steps = types(dataset.pipeline)
        place = steps.index('CuesToClasses')
        steps.remove('CuesToClasses')
        assert steps == types(full.test_dataloader.dataset.pipeline)
        words = dataset.pipeline[place - 1]
        assert words.type == 'LoadTextCues' and dataset.cue_bank is None


def test_trains_and_tests(v1m, tmp_path):
    """Two frames, whose cues are changed between two tests."""
    config = narrow_config(load(CONFIG), v1m, tmp_path)
    runner = Runner.from_cfg(copy.deepcopy(config))
    runner.train()
    checkpoint, = tmp_path.glob('best_J_*.pth')
    assert not any('text' in key for key in runner.model.state_dict())
    metrics = runner.test()
    assert {'J', 'F', 'avss/mIoU', 'avss/F'} <= set(metrics)

    model = runner.model
    seen = []
    predict = type(model).predict

    def note(self, inputs, data_samples=None):
        samples = predict(self, inputs, data_samples)
        for sample, allowed in zip(samples, inputs['cue_classes']):
            labels = sample.pred_sem_seg.data.unique()
            assert allowed[labels].all()
            seen.append((sample.text_cues, int(allowed.sum())))
        return samples

    # all classes found somewhere, so that there is something to drop
    model.decode_head.predict = lambda x, metas, *args, **kwargs: torch.rand(
        len(metas), 71, *metas[0]['img_shape'])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(model), 'predict', note)
        runner.test()
    assert len(seen) == 2
    for words, number in seen:
        assert number == 1 + len(words) == 4
