# Copyright (c) mmteso contributors. All rights reserved.
import json
import runpy
import sys

import pytest
from mmengine.config import Config
from narrow import load
from processes import ROOT

from data import make_avsbench, make_avsbench_object
from mmteso.apis import (configured_cues, evaluate_cue_file,
                         format_cue_recognition, read_truth)
from mmteso.io import CueFile, CueFileError, CueRecord, write_cue_file

CONFIG = 'teso/teso_swin-b_v1m.py'
SCRIPT = str(ROOT / 'tools' / 'analysis_tools' / 'cue_recognition.py')


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return make_avsbench(
        tmp_path_factory.mktemp('avsbench'), subsets=['v1m'], clips=2)


@pytest.fixture
def config(root):
    config = load(CONFIG)
    config.test_dataloader.dataset.data_root = root
    return config


def test_truth(config, root):
    """The masks' classes: two, one in odd frames, none in the last."""
    truth = read_truth(config)
    assert len(truth) == 10
    cues = CueFile(f'{root}/cues.jsonl')
    for (uid, frame), (sounding, class_names) in truth.items():
        first, second, _ = cues[uid, frame].cues
        assert len(class_names) == 71
        assert sounding == [{first, second}, {first}, {first, second},
                            {first}, set()][frame]
    # the video's label does not know silence
    labels = read_truth(config, truth='a_obj', progress=list)
    assert {len(sounding) for sounding, _ in labels.values()} == {2}


def test_scores(config, root):
    """Three cues: both classes of the clip, and one that never sounds."""
    file, num_cues = configured_cues(config)
    assert (file, num_cues) == (f'{root}/cues.jsonl', 4)
    truth = read_truth(config)
    result = evaluate_cue_file(truth, file, num_cues)
    # five frames: 2 of 3 right, 1 of 3, 2, 1, 0
    assert result['precision'] == pytest.approx(100 * 6 / 15)
    assert result['recall'] == result['AP'] == 100
    assert result['F1'] == pytest.approx(100 * (.8 + .5 + .8 + .5 + 0) / 5)
    assert result['frames'] == 10 and result['cues'] == 3
    assert result['failed'] == result['without_cues'] == 0
    assert result['unknown_share'] == 0 and result['unknown_phrases'] == {}
    one = evaluate_cue_file(truth, file, 1)
    assert one['precision'] == pytest.approx(100 * 4 / 5)
    assert one['recall'] == pytest.approx(100 * 3 / 4)
    pooled = evaluate_cue_file(truth, file, None, average='pooled')
    assert pooled['precision'] == pytest.approx(100 * 6 / 15)


def test_words_of_a_language_model(config, tmp_path):
    truth = read_truth(config)
    truth = {key: truth[key] for key in list(truth)[:3]}
    keys = list(truth)
    class_names = truth[keys[0]][1]
    truth = {key: (frozenset(['man', 'dog']), class_names) for key in keys}
    path = str(tmp_path / 'cues.jsonl')
    write_cue_file(path, [
        CueRecord(*keys[0], ('Microphone', 'barking dogs', 'people')),
        CueRecord(*keys[1], ('microphone', 'stage', 'man', 'dog')),
        CueRecord(*keys[2], (), status='failed'),
    ])
    result = evaluate_cue_file(truth, path)
    assert result['failed'] == result['without_cues'] == 1
    assert result['recall'] == pytest.approx(200 / 3)
    assert result['precision'] == pytest.approx(100 * (2 / 3 + 1 / 2) / 2)
    assert result['unknown_phrases'] == dict(microphone=2, stage=1)
    assert result['unknown_share'] == pytest.approx(300 / 7)
    lenient = evaluate_cue_file(truth, path, unknown='ignore')
    assert lenient['precision'] == 100
    names = evaluate_cue_file(truth, path, synonyms='none')
    assert names['recall'] == pytest.approx(100 / 3)
    exact = evaluate_cue_file(truth, path, head_noun=False)
    assert exact['unknown_phrases']['barking dogs'] == 1
    table = format_cue_recognition([result, names])
    assert table.count(path) == 2 and '66.67' in table
    with pytest.raises(KeyError, match='has no cues for frame'):
        evaluate_cue_file({**truth, ('x', 0): truth[keys[0]]}, path)


def test_captions_are_no_cues(config, tmp_path):
    """A file that nobody reasoned about has no score, not the score 0."""
    truth = read_truth(config)
    path = str(tmp_path / 'captions.jsonl')
    write_cue_file(path, [
        CueRecord(*key, (), caption='A dog.', status='captioned')
        for key in truth
    ])
    with pytest.raises(
            CueFileError, match='10 of 10 frames.*captions.jsonl.*caption'):
        evaluate_cue_file(truth, path)


def test_other_class_sets(config):
    """'auto' knows AVSBench's words, and no others."""
    names = ('background', 'dog', 'red-disc')
    truth = {('u', 0): (frozenset(['dog']), names)}
    path = config.test_dataloader.dataset.data_root + '/other.jsonl'
    write_cue_file(path, [CueRecord('u', 0, ('puppy', 'red disc'))])
    assert evaluate_cue_file(truth, path)['recall'] == 0
    assert evaluate_cue_file(truth, path)['unknown_share'] == 50


def test_binary_masks_say_so(tmp_path):
    root = make_avsbench_object(tmp_path, 's4', splits=['test'])
    config = Config(
        dict(
            test_dataloader=dict(
                dataset=dict(
                    type='AVSBenchObjectDataset',
                    data_root=root,
                    split='test',
                    pipeline=[dict(type='LoadAVSAnnotations')]))))
    with pytest.raises(ValueError, match="binary. Use truth='a_obj'"):
        read_truth(config)
    (sounding, names), *_ = read_truth(config, truth='a_obj').values()
    assert sounding == {'dog_barking'} < set(names)
    with pytest.raises(ValueError, match='does not say which cues'):
        configured_cues(config)
    config.test_dataloader.dataset.subset = 'ms3'
    make_avsbench_object(tmp_path, 'ms3', splits=['test'])
    with pytest.raises(ValueError, match='has no class names'):
        read_truth(config, truth='a_obj')


# ------------------------------------------------------------------- command
@pytest.fixture
def command(root, tmp_path, monkeypatch):
    leaf = tmp_path / 'leaf.py'
    leaf.write_text(f'_base_ = [{str(ROOT / "configs" / CONFIG)!r}]\n'
                    'test_dataloader = dict(dataset=dict('
                    f'data_root={root!r}))\n')

    def call(*options):
        monkeypatch.setattr(sys, 'argv',
                            ['cue_recognition.py',
                             str(leaf), *options])
        runpy.run_path(SCRIPT, run_name='__main__')

    return call


def test_command(command, root, tmp_path, capsys):
    other = str(tmp_path / 'other.jsonl')
    records = CueFile(f'{root}/cues.jsonl')
    write_cue_file(other, [
        CueRecord(uid, frame, ('speaker', *records[uid, frame].cues[:1]))
        for uid, frame in records
    ])
    out = tmp_path / 'out' / 'rec.json'
    command('--cues', f'{root}/cues.jsonl', other, '--out', str(out))
    text = capsys.readouterr().out
    assert f'| {other} ' in text and ' 40.00 ' in text
    assert f'Of no class in {other}: speaker (10)' in text
    assert 'truth: mask; at most 4 cues of a frame; synonyms: auto' in text
    first, second = json.loads(out.read_text())['results']
    assert first['precision'] == pytest.approx(40)
    assert second['precision'] == pytest.approx(40)
    assert second['AP'] < second['recall'] == pytest.approx(75)


@pytest.mark.parametrize('options, message', [
    (['--cfg-options', 'test_dataloader.dataset.cue_file=no.jsonl'],
     'no.jsonl" does not exist'),
    (['--num-cues', '-1'], 'must be at least 0'),
    (['--split', 'train', '--cfg-options', 'train_dataloader=None'],
     'the config has no train_dataloader'),
    (['--cues', 'CUES', '--synonyms', 'x.yaml'], "no synonyms 'x.yaml'"),
])
def test_one_line_for_mistakes(command, root, capsys, options, message):
    options = [o.replace('CUES', f'{root}/cues.jsonl') for o in options]
    with pytest.raises(SystemExit) as error:
        command(*options)
    assert error.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
