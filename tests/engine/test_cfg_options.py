# Copyright (c) mmteso contributors. All rights reserved.
import argparse

import pytest
from mmengine.config import Config, DictAction
from mmengine.logging import MMLogger
from narrow import load

from mmteso.engine import (add_cfg_options, add_data_root, merge_cfg_options,
                           set_data_root)


def parse(*words):
    parser = argparse.ArgumentParser()
    add_cfg_options(parser, 'a.b=1')
    return parser.parse_args(['--cfg-options', *words]).cfg_options


@pytest.mark.parametrize('text', [
    '1', '0.5', '1e-3', 'true', 'None', 'name', "'name'", '"3"', '', ' 7 ',
    'a,b', '[a,b]', '[a, b]', 'a, b', '(1, 2)', '[(a, b), (c, d)]',
    '[/my data/a, b]', 'a=b'
])
def test_mmengines_values(text):
    """All but single values with a space in them."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--options', nargs='+', action=DictAction)
    theirs = parser.parse_args(['--options', f'x.y={text}']).options
    assert parse(f'x.y={text}') == theirs


@pytest.mark.parametrize('text', [
    'my data/avsbench', "'my data/avsbench'", ' my data/avsbench '
])
def test_spaces_in_a_single_value(text):
    assert parse('n=2', f'root={text}', 'list=[1, 2]') == dict(
        n=2, root='my data/avsbench', list=[1, 2])


def test_given_twice():
    parser = argparse.ArgumentParser()
    add_cfg_options(parser)
    args = parser.parse_args(
        ['--cfg-options', 'a=1', 'b=x y', '--cfg-options', 'b=2', 'c=3'])
    assert args.cfg_options == dict(a=1, b=2, c=3)
    assert parser.parse_args([]).cfg_options is None


@pytest.mark.parametrize('word', ['model', '=3'])
def test_no_pair(word, capsys):
    with pytest.raises(SystemExit):
        parse(word)
    assert f'takes key=value, but got {word!r}' in capsys.readouterr().err


@pytest.mark.parametrize('example, expected', [
    ('', 'override settings of the config. A list'),
    ('a.b=1', 'settings of the config, e.g. a.b=1. A list')
])
def test_help(example, expected):
    parser = argparse.ArgumentParser()
    add_cfg_options(parser, example)
    assert expected in ' '.join(parser.format_help().split())


@pytest.fixture
def warned(caplog, monkeypatch):
    """Texts of the warnings, which go to mmengine's current logger."""
    logger = MMLogger.get_instance('cfg-options', logger_name='cfg-options')
    monkeypatch.setattr(MMLogger, 'get_current_instance',
                        classmethod(lambda cls: logger))
    logger.addHandler(caplog.handler)
    yield lambda: [record.getMessage() for record in caplog.records]
    logger.removeHandler(caplog.handler)


def test_data_root():
    """Of all data sets, in wrappers too; what is relative to it stays."""
    cfg = load('ablations/synthavs/no-silent_full.py')
    leaf = cfg.train_dataloader.dataset
    cfg.train_dataloader.dataset = dict(
        type='RepeatDataset',
        times=2,
        dataset=dict(type='ConcatDataset', datasets=[leaf, leaf]))
    parser = argparse.ArgumentParser()
    add_data_root(parser)
    before = cfg.pretty_text
    set_data_root(cfg, parser.parse_args([]).data_root)
    assert cfg.pretty_text == before
    args = parser.parse_args(['--data-root', '/my data'])
    set_data_root(cfg, args.data_root)
    for dataset in (*cfg.train_dataloader.dataset.dataset.datasets,
                    cfg.val_dataloader.dataset, cfg.test_dataloader.dataset):
        assert dataset.data_root == '/my data'
        assert dataset.cue_file == 'cues.jsonl'
    assert 'data/synthavs' not in cfg.pretty_text


def test_nested_fields_and_list_elements(warned):
    cfg = load('teso/teso_swin-b_v1m.py')
    merge_cfg_options(
        cfg, {
            'model.prompt_encoder.dynamic_mask.mode': 'off',
            'model.audio_encoder._delete_': True,
            'model.audio_encoder.type': 'LogMelStats',
            'model.frozen': ['backbone'],
            'test_dataloader.dataset.pipeline.5.num_cues': 2,
            'default_hooks.ema.type': 'EMAHook',
            'compile': True,
            'sync_bn': 'torch',
            'custom_imports.imports': ['mmteso']
        })
    assert cfg.model.prompt_encoder.dynamic_mask == dict(
        type='DynamicMask', mode='off', threshold=0.0)
    assert cfg.model.audio_encoder == dict(type='LogMelStats')
    assert cfg.model.frozen == ['backbone']
    assert cfg.default_hooks.ema == dict(type='EMAHook')
    assert 'random_state' in cfg.default_hooks
    # the others of the list, and the other loader with the same list, stay
    steps = cfg.test_dataloader.dataset.pipeline
    assert steps[5].type == 'LoadTextCues' and steps[5].num_cues == 2
    assert len(steps) == 7 and steps[3].type == 'LoadAudioClip'
    assert cfg.val_dataloader.dataset.pipeline[5].num_cues == 4
    assert not warned()


@pytest.mark.parametrize('key, message', [
    ('modle.frozen', "nothing reads 'modle'. Did you mean 'model'?"),
    ('nothing_like_it', "nothing reads 'nothing_like_it'."),
    ('num_classes', 'Its value is used in model.decode_head.num_classes: '
     'override it there.'),
    ('data_root', 'Its value is used in test_dataloader.dataset.data_root, '
     'train_dataloader.dataset.data_root, val_dataloader.dataset.data_root: '
     'override'),
    ('test_pipeline.5.num_cues', 'Its value is used in test_dataloader.'
     'dataset.pipeline, val_dataloader.dataset.pipeline: override'),
    ('dataset_type', "a variable of the config's files."),
])
def test_names_that_nothing_reads(warned, key, message):
    cfg = load('teso/teso_swin-b_v1m.py')
    merge_cfg_options(cfg, {key: 1})
    text, = warned()
    assert message in text
    name = key.split('.')[0]
    assert name in cfg


def test_what_our_configs_have_is_read_or_a_variable(warned):
    """No setting of them is warned of that a runner reads."""
    read = set()
    for name in ('teso/teso_r50_avss.py', 'teso/teso_r18_synthavs.py'):
        cfg = load(name)
        merge_cfg_options(cfg, {key: cfg[key] for key in cfg})
        read |= set(cfg) - {text.split("'")[1] for text in warned()}
    assert {
        'auto_scale_lr', 'custom_imports', 'default_hooks', 'default_scope',
        'env_cfg', 'load_from', 'model', 'optim_wrapper', 'resume',
        'test_evaluator', 'train_dataloader', 'tta_model', 'tta_pipeline',
        'visualizer'
    } <= read
    assert not {'data_root', 'train_pipeline', 'dataset'} & read


def test_index_beyond_the_list():
    cfg = load('teso/teso_swin-b_v1m.py')
    with pytest.raises(KeyError, match='Index 7 exceeds'):
        merge_cfg_options(
            cfg, {'test_dataloader.dataset.pipeline.7.type': 'Resize'})


def test_no_options():
    cfg = Config(dict(a=1))
    merge_cfg_options(cfg, None)
    assert cfg._cfg_dict == dict(a=1)
