# Copyright (c) mmteso contributors. All rights reserved.
"""Slide inference and flipped views, through ``tools/test.py --tta``."""
import pytest
import torch
from both_kinds import KINDS, random_checkpoint, run_tool, whole_config
from torch import nn

from mmteso.models import AudioTextSegmentor, AVSTTAModel

SOUND = ('log_mel', 'text_feat', 'text_valid')
SLIDE = ('--cfg-options', 'model.test_cfg.mode=slide',
         'model.test_cfg.crop_size=(32,24)', 'model.test_cfg.stride=(32,8)')


@pytest.fixture
def seen(monkeypatch):
    """What goes into the model, what crops, and what comes out."""
    found = dict(inputs=[], views=[], crops=[], prompts=[], merged=[])
    predict = AudioTextSegmentor.predict
    encode = AudioTextSegmentor.encode_decode
    merge = AVSTTAModel.merge_preds

    def keep_inputs(self, inputs, data_samples=None):
        found['inputs'].append(
            {name: value.clone() for name, value in inputs.items()})
        samples = predict(self, inputs, data_samples)
        found['views'].append([s.seg_logits.data.clone() for s in samples])
        return samples

    def keep_crops(self, inputs, metas, prompt=None):
        found['crops'].append(inputs.shape[2:])
        found['prompts'].append(prompt)
        return encode(self, inputs, metas, prompt)

    def keep_merged(self, views):
        found['merged'].extend(merge(self, views))
        return found['merged']

    monkeypatch.setattr(AudioTextSegmentor, 'predict', keep_inputs)
    monkeypatch.setattr(AudioTextSegmentor, 'encode_decode', keep_crops)
    monkeypatch.setattr(AVSTTAModel, 'merge_preds', keep_merged)
    return found


def trained(cfg):
    """A checkpoint whose fusion is no identity."""
    path = random_checkpoint(cfg)
    checkpoint = torch.load(path, weights_only=True)
    for name, value in checkpoint['state_dict'].items():
        if name.startswith('fusion.') and '.up.' in name:
            nn.init.normal_(value)
    torch.save(checkpoint, path)
    return path


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('slide', [(), SLIDE])
def test_views_hear_the_same(kind, slide, synthavs, tmp_path, seen):
    cfg = whole_config(kind, synthavs, tmp_path)
    run_tool('test.py', cfg, trained(cfg), '--tta', *slide)
    plain, flipped = seen['inputs']
    assert torch.equal(plain['img'], flipped['img'].flip(-1))
    assert not torch.equal(plain['img'], flipped['img'])
    for name in SOUND:
        assert torch.equal(plain[name], flipped[name])
    # two views; two crops each, which share what is heard
    crops = [(32, 24)] * 4 if slide else [(32, 32)] * 2
    assert [tuple(size) for size in seen['crops']] == crops
    assert len(set(map(id, seen['prompts']))) == 2
    assert len(seen['merged']) == 2
    for first, second, both in zip(*seen['views'], seen['merged']):
        torch.testing.assert_close(both.seg_logits.data,
                                   (first + second) / 2)
        assert not torch.equal(first, second)


@pytest.mark.parametrize('kind', KINDS)
def test_other_sound_in_all_views(kind, synthavs, tmp_path, seen):
    """Muted, in both views and all crops; and it changes what comes out."""
    cfg = whole_config(kind, synthavs, tmp_path)
    checkpoint = trained(cfg)
    run_tool('test.py', cfg, checkpoint, '--tta', '--audio', 'normal', 'mute',
             *SLIDE)
    # predict is called for view 1 normal, view 1 mute, view 2 ...
    one, mute, two, mute_again = seen['inputs']
    assert torch.equal(one['log_mel'], two['log_mel'])
    assert torch.equal(mute['log_mel'], mute_again['log_mel'])
    assert not torch.equal(one['log_mel'], mute['log_mel'])
    assert any(
        not torch.equal(*pair) for pair in zip(*seen['views'][:2]))
