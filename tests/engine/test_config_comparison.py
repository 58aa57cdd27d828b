# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from mmengine.config import Config
from narrow import load

from mmteso.engine import config_differences

NAME = 'teso/teso_swin-b_v1m.py'
PROMPT = 'model.prompt_encoder'
# their paths in the config, by type
STEPS = {step.type: f'test_dataloader.dataset.pipeline.{index}'
         for index, step in enumerate(
             load(NAME).test_dataloader.dataset.pipeline)}
AUDIO, CUES = STEPS['LoadAudioClip'], STEPS['LoadTextCues']


def meta_of(cfg):
    return dict(
        cfg=Config(cfg.to_dict(), format_python_code=False).pretty_text)


def differences(changes):
    """Of a config that was changed since the training; and the other way."""
    old, new = load(NAME), load(NAME)
    new.merge_from_dict(changes)
    there = config_differences(meta_of(old), new)
    back = config_differences(meta_of(new), old)
    assert [line.partition(':')[0] for line in there
            ] == [line.partition(':')[0] for line in back]
    return there


@pytest.mark.parametrize('changes, expected', [
    ({f'{PROMPT}.num_heads': 4},
     [f'{PROMPT}.num_heads: 8 in training, 4 now']),
    # the scores change, the shapes don't
    ({'model.data_preprocessor.mean': [0, 116.28, 103.53],
      'model.test_cfg.mode': 'slide'},
     ['model.data_preprocessor.mean.0: 123.675 in training, 0 now',
      "model.test_cfg.mode: 'whole' in training, 'slide' now"]),
    ({'model.decode_head.type': 'OtherHead'},
     ["model.decode_head.type: 'TeSOHead' in training, 'OtherHead' now"]),
    # what a text means to the model
    ({f'{AUDIO}.clip_hop': 0.96,
      f'{CUES}.num_cues': 2,
      'test_dataloader.dataset.cue_bank': 'other.safetensors'},
     ['pipeline.LoadAudioClip.clip_hop: 1.0 in training, 0.96 now',
      'pipeline.LoadTextCues.num_cues: 4 in training, 2 now',
      "cue_bank: 'cue_bank_imagebind.safetensors' in training, "
      "'other.safetensors' now"]),
])
def test_what_changes_the_computation(changes, expected):
    assert differences(changes) == expected


@pytest.mark.parametrize(
    'changes',
    [
        # training alone
        {
            'model.frozen': ['backbone'],
            'model.backbone.drop_path_rate': 0.0,
            'model.backbone.with_cp': True,
            'model.latent_loss': None,
            'model.decode_head.loss_mask.loss_weight': 1.0,
            'model.decode_head.train_cfg.num_points': 64,
            'model.audio_encoder.init_cfg.checkpoint': 'elsewhere.pth',
            'model.data_preprocessor.size': (224, 224),
            'optim_wrapper.clip_grad.max_norm': 1.0
        },
        # other places, and the truth
        {
            'test_dataloader.dataset.data_root': 'elsewhere',
            'test_dataloader.dataset.subsets': 'v1s',
            f'{STEPS["LoadAVSAnnotations"]}.load_visible': True,
            'test_dataloader.dataset.cue_file': 'other.jsonl',
            'test_dataloader.dataset.cue_bank':
            'elsewhere/cue_bank_imagebind.safetensors'
        },
        # the same in other words
        {
            f'{PROMPT}.type': 'mmseg.SeDAM',
            f'{PROMPT}.source_pool': False,
            'model.data_preprocessor.std': (58.395, 57.12, 57.375),
            'model.neck': None
        },
    ])
def test_what_does_not(changes):
    assert differences(changes) == []


def test_steps_of_the_pipeline():
    """Data sets in wrappers, another order, steps on one side only."""
    old, new = load(NAME), load(NAME)
    dataset = new.test_dataloader.dataset
    new.test_dataloader.dataset = dict(
        type='ConcatDataset', datasets=[dataset])
    assert config_differences(meta_of(old), new) == []
    dataset['pipeline'] = [step for step in dataset['pipeline']
                           if step['type'] != 'Resize']
    new.test_dataloader.dataset = dict(
        type='ConcatDataset', datasets=[dataset])
    difference, = config_differences(meta_of(old), new)
    assert difference.startswith("pipeline.Resize: {'")
    assert difference.endswith('in training, not set now')


def test_field_that_one_config_leaves_open():
    """It has the constructor's default."""
    assert differences({f'{PROMPT}.source_pool': True}) == [
        f'{PROMPT}.source_pool: False in training, True now']


def test_nothing_of_the_checkpoint_is_imported(tmp_path, monkeypatch):
    (tmp_path / 'stranger.py').write_text('raise SystemExit')
    monkeypatch.syspath_prepend(str(tmp_path))
    old, new = load(NAME), load(NAME)
    old.model.prompt_encoder.type = 'stranger.SeDAM'
    new.model.prompt_encoder.source_pool = True
    assert len(config_differences(meta_of(old), new)) == 1
