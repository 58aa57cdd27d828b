# Copyright (c) mmteso contributors. All rights reserved.
"""The label-filter baseline's config."""
from narrow import load

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
