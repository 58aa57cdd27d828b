# Copyright (c) mmteso contributors. All rights reserved.
import copy
import json

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from narrow import PROMPT_DIMS, plain_config_text
from PIL import Image

from mmteso.apis import ComparedModel, make_preference_report
from mmteso.apis.frame_pictures import (choose_frames, frame_key, load_frames,
                                        masks_only)
from mmteso.apis.preference_report import attention_rows, mask_rows
from mmteso.engine import evaluate_audio_conditions
from mmteso.io import plain, write_json


@pytest.fixture
def full(listening_cfg, checkpoint):
    return ComparedModel(
        'full', 'full.py', listening_cfg, checkpoint, attention=True)


def build(cfg, path):
    with DefaultScope.overwrite_default_scope('mmseg'):
        torch.manual_seed(1)
        model = MODELS.build(cfg.model)
    torch.save(dict(state_dict=model.state_dict()), path)
    return str(path)


@pytest.fixture
def no_text(listening_cfg, tmp_path):
    """The ablation: sound alone prompts the queries."""
    cfg = copy.deepcopy(listening_cfg)
    cfg.model.prompt_encoder = dict(
        type='AudioPrompt', embed_dims=PROMPT_DIMS, hidden_dims=16)
    cfg.model.cue_loss = None
    # no cues are selected
    cfg.test_evaluator = [dict(type='AVSMetric')]
    return ComparedModel(
        'without text',
        'no_text.py',
        cfg,
        build(cfg, tmp_path / 'no_text.pth'),
        attention=True)


@pytest.fixture
def keys(full):
    dataset = masks_only(full.cfg)
    return [
        frame_key(dataset.get_data_info(index))
        for index in choose_frames(dataset, 2)
    ]


def test_report_and_pictures(full, no_text, tmp_path, monkeypatch):
    """Two models; the numbers are those of the test tool."""
    out = tmp_path / 'out'
    seen = []

    def spy(*args, **kwargs):
        seen.append(evaluate_audio_conditions(*args, **kwargs))
        return copy.deepcopy(seen[-1])

    monkeypatch.setattr(
        'mmteso.apis.preference_report.evaluate_audio_conditions', spy)
    with plain_config_text():
        report = make_preference_report([full, no_text],
                                        str(out), ['normal', 'mute'],
                                        frames=2,
                                        note='random weights')
    written = json.loads((out / 'report.json').read_text())
    assert written == report
    assert list(report['models']) == ['full', 'without text']
    for entry, expected in zip(report['models'].values(), seen):
        assert entry['conditions'] == plain(expected['conditions'])
    assert len(seen) == 2 and seen[0] != seen[1]
    assert report['models']['full']['source'].startswith('tested here: full.')
    assert report['references']['everything']['J'] > 0
    assert len(report['frames']) == 2 and report['paper'] is None
    assert report['versions']['torch'] == torch.__version__

    text = (out / 'report.md').read_text()
    j = report['models']['without text']['conditions']['mute']['J']
    assert f'| without text | mute | {j:.2f} |' in text
    assert 'listening score of J (ours' in text
    assert 'random weights' in text and 'AVSMetric: J and F per' in text
    sizes = {}
    for name in ('scores.png', 'masks.png', 'attention.png'):
        assert f'({name})' in text
        sizes[name] = Image.open(out / name).size
    # 4 columns, 2 frames x 2 models; and 5 columns, 2 frames
    assert sizes['masks.png'][1] > 1.5 * sizes['attention.png'][1]
    assert sizes['attention.png'][0] > sizes['masks.png'][0]


def test_scores_of_a_report(full, tmp_path):
    """Given ones are not computed again; a model may have nothing else."""
    given = dict(
        conditions=dict(
            normal=dict(J=81.5), mute=dict(J=7.25), other=dict(J=1.)),
        metrics=['AVSMetric: as it was'],
        reference='snr',
        seed=0)
    path = str(tmp_path / 'audio.json')
    write_json(given, path)
    full.report = path
    models = [full, ComparedModel('elsewhere', report=path)]
    report = make_preference_report(
        models, str(tmp_path / 'out'), ['normal', 'mute'], frames=1,
        pictures=['scores', 'masks'])
    for entry in report['models'].values():
        assert entry['conditions'] == dict(
            normal=dict(J=81.5), mute=dict(J=7.25))
        assert entry['source'] == f'read from {path}'
    assert report['pictures'] == ['scores.png', 'masks.png']
    assert not (tmp_path / 'out' / 'attention.png').exists()
    assert not (tmp_path / 'out' / 'runs').exists()

    with pytest.raises(ValueError, match="none of .*wgn-10db.* but under"):
        make_preference_report(
            models, str(tmp_path / 'out'), ['wgn-10db'], pictures=['scores'])
    # of another noise than the one that the report would name
    given['conditions'] = {'normal': dict(J=80.), 'wgn-10db': dict(J=8.)}
    given['reference'] = 'pcm16'
    write_json(given, path)
    with pytest.raises(ValueError, match="reference is pcm16 and snr"):
        make_preference_report(
            models, str(tmp_path / 'out'), ['wgn-10db'], pictures=['scores'])


def test_rows_of_masks(full, no_text, keys):
    rows = mask_rows(
        [full, no_text], keys, ['normal', 'mute'], reference='snr', seed=0)
    assert len(rows) == 2 * len(keys)
    for i, row in enumerate(rows):
        assert list(row.masks) == ['ground truth', 'normal', 'mute']
        uid = keys[i // 2][1]
        if i % 2:
            assert row.label == 'without text' and not row.sounds
        else:
            assert row.label.startswith(f'full\n{uid} t=')
            assert set(row.sounds) == {'normal', 'mute'}
        truth = row.masks['ground truth']
        assert np.array_equal(truth, rows[i - i % 2].masks['ground truth'])
        for name in ('normal', 'mute'):
            mask = row.masks[name]
            iou = (mask & truth).sum() / max((mask | truth).sum(), 1)
            assert row.notes[name] == (
                f'IoU {100 * iou:.0f} %' if truth.any() else
                f'{100 * mask.mean():.0f} % of the frame')
    alone = mask_rows([full], keys[:1], ['mute'], reference='snr', seed=0)
    assert alone[0].label.startswith(keys[0][1])


def test_rows_name_the_sound_once(full, no_text, keys, monkeypatch):
    """Off-screen: the video that lends the sound."""

    def lent(*args):
        items = load_frames(*args)
        for item in items:
            item['data_samples'].set_metainfo(dict(off_screen_uid='donor'))
        return items

    monkeypatch.setattr('mmteso.apis.preference_report.load_frames', lent)
    rows = mask_rows(
        [full, no_text], keys[:1], ['normal'], reference='snr', seed=0)
    first, second = (row.notes['normal'].splitlines() for row in rows)
    assert len(first) == 2 and len(second) == 1
    assert first[1] == 'sound of donor'


def test_rows_of_attention(full, no_text, keys):
    rows = attention_rows([full, no_text], keys)
    assert len(rows) == len(keys)
    for row, key in zip(rows, keys):
        assert list(row.heats) == [
            'full', 'full, cues taken away', 'without text'
        ]
        assert key[1] in row.label
        # the truth's pixels keep their colours
        truth = (row.pictures['ground truth'] == row.image).all(-1)
        for name, heat in row.heats.items():
            assert heat.shape == row.image.shape[:2] == (32, 32)
            assert (heat >= 0).all() and heat.max() > 0
            if row.notes[name] != 'nothing sounds':
                share = float(row.notes[name].split(' %')[0])
                assert share == pytest.approx(
                    100 * heat[truth].sum() / heat.sum(), abs=2)
    # no cues to be taken away
    rows = attention_rows([no_text], keys[:1])
    assert list(rows[0].heats) == ['without text']


def test_semantic_model(listening_cfg, tmp_path, keys):
    """Any of its classes but background sounds."""
    cfg = listening_cfg
    cfg.test_dataloader.dataset.task = 'semantic'
    count = 71
    cfg.model.decode_head.num_classes = count
    cfg.model.decode_head.loss_cls.class_weight = [1.] * count + [.1]
    model = ComparedModel(
        'semantic', 's.py', cfg, build(cfg, tmp_path / 'model.pth'))
    cfg.test_evaluator = [
        dict(type='AVSMetric'),
        dict(type='IoUMetric', iou_metrics=['mIoU'])
    ]
    rows = mask_rows([model], keys, ['normal'], reference='snr', seed=0)
    truths = {row.masks['ground truth'].any() for row in rows}
    assert True in truths
    for row in rows:
        assert row.masks['normal'].dtype == bool
    heat = attention_rows([model], keys)[0].heats['semantic']
    assert np.isfinite(heat).all() and heat.max() > 0


@pytest.mark.parametrize('models, match', [
    ([], 'first model needs a config'),
    ([ComparedModel('a')], 'first model needs a config'),
    ([ComparedModel('a', cfg=1), ComparedModel('a')], 'different names'),
])
def test_wrong_models(models, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        make_preference_report(models, str(tmp_path))


def test_what_is_wrong_shows_before_the_tests(full, tmp_path):
    full.checkpoint = 'is not read'
    with pytest.raises(ValueError, match='expected some of the pictures'):
        make_preference_report([full], str(tmp_path), pictures=['faces'])
    with pytest.raises(ValueError, match="'nobody' to be one frame"):
        make_preference_report([full], str(tmp_path), frame_names=['nobody'])
