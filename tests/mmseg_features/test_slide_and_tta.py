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
    """What the model encodes, what crops, and what comes out."""
    found = dict(images=[], sounds=[], windows=[], views=[], merged=[])
    encode_image = AudioTextSegmentor.encode_image
    encode_prompt = AudioTextSegmentor.encode_prompt
    predict_prompt = AudioTextSegmentor.predict_prompt
    merge = AVSTTAModel.merge_preds

    def keep_images(self, inputs):
        found['images'].append(inputs['img'].clone())
        memory = encode_image(self, inputs)
        found['windows'].append([
            (rows.stop - rows.start, columns.stop - columns.start)
            for rows, columns in memory.windows
        ])
        return memory

    def keep_sounds(self, inputs, data_samples=None):
        found['sounds'].append({name: inputs[name].clone() for name in SOUND})
        return encode_prompt(self, inputs, data_samples)

    def keep_views(self, *args):
        samples = predict_prompt(self, *args)
        found['views'].append([s.seg_logits.data.clone() for s in samples])
        return samples

    def keep_merged(self, views):
        found['merged'].extend(merge(self, views))
        return found['merged']

    monkeypatch.setattr(AudioTextSegmentor, 'encode_image', keep_images)
    monkeypatch.setattr(AudioTextSegmentor, 'encode_prompt', keep_sounds)
    monkeypatch.setattr(AudioTextSegmentor, 'predict_prompt', keep_views)
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
def test_views_get_the_same_sound(kind, slide, synthavs, tmp_path, seen):
    cfg = whole_config(kind, synthavs, tmp_path)
    run_tool('test.py', cfg, trained(cfg), '--tta', *slide)
    plain, flipped = seen['images']
    assert torch.equal(plain, flipped.flip(-1))
    assert not torch.equal(plain, flipped)
    one, two = seen['sounds']
    for name in SOUND:
        assert torch.equal(one[name], two[name])
    # for each view; the crops share its prompt
    crops = [(32, 24)] * 2 if slide else [(32, 32)]
    assert seen['windows'] == [crops, crops]
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
    # view 1 normal, view 1 mute, view 2 ...; each view is encoded once
    one, mute, two, mute_again = seen['sounds']
    assert len(seen['images']) == 2
    assert torch.equal(one['log_mel'], two['log_mel'])
    assert torch.equal(mute['log_mel'], mute_again['log_mel'])
    assert not torch.equal(one['log_mel'], mute['log_mel'])
    assert any(
        not torch.equal(*pair) for pair in zip(*seen['views'][:2]))
