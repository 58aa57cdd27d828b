# Copyright (c) mmteso contributors. All rights reserved.
import json

import pytest
from both_kinds import run_tool
from mmengine.config import Config
from narrow import load

from data import make_avsbench, make_avsbench_object
from mmteso.analysis.recognition import (configured_cues, evaluate_cue_file,
                                         format_cue_recognition, read_truth)
from mmteso.io import CueFile, CueFileError, CueRecord, write_cue_file

TOOL = 'analysis_tools/cue_recognition.py'


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return make_avsbench(
        tmp_path_factory.mktemp('avsbench'), subsets=['v1m'], clips=2)


@pytest.fixture
def config(root, tmp_path):
    config = load('teso/teso_swin-b_v1m.py')
    config.update(work_dir=str(tmp_path / 'work'), experiment_name='cues')
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
    labels = read_truth(config, truth='a_obj')
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
    assert result['unknown_share'] == 0 and result['unknown_phrases'] == {}
    one = evaluate_cue_file(truth, file, 1)
    assert one['recall'] == pytest.approx(100 * 3 / 4)
    pooled = evaluate_cue_file(truth, file, None, average='pooled')
    assert pooled['precision'] == pytest.approx(100 * 6 / 15)


def test_words_of_a_language_model(config, tmp_path):
    truth = read_truth(config)
    keys = list(truth)[:3]
    class_names = truth[keys[0]][1]
    truth = {key: (frozenset(['man', 'dog']), class_names) for key in keys}
    path = str(tmp_path / 'cues.jsonl')
    write_cue_file(
        path, [CueRecord(*keys[0], ('Microphone', 'barking dogs', 'people')),
               CueRecord(*keys[1], ('microphone', 'stage', 'man', 'dog')),
               CueRecord(*keys[2], (), status='failed')])
    result = evaluate_cue_file(truth, path)
    assert result['failed'] == result['without_cues'] == 1
    assert result['recall'] == pytest.approx(200 / 3)
    assert result['precision'] == pytest.approx(100 * (2 / 3 + 1 / 2) / 2)
    assert result['unknown_phrases'] == dict(microphone=2, stage=1)
    assert result['unknown_share'] == pytest.approx(300 / 7)
    assert evaluate_cue_file(truth, path, unknown='ignore')['precision'] == 100
    names = evaluate_cue_file(truth, path, synonyms='none')
    assert names['recall'] == pytest.approx(100 / 3)
    exact = evaluate_cue_file(truth, path, head_noun=False)
    assert exact['unknown_phrases']['barking dogs'] == 1
    table = format_cue_recognition([result, names])
    assert table.count(path) == 2 and '66.67' in table
    # 'auto' knows AVSBench's words, and no others
    other = {key: (frozenset(['dog']), ('background', 'dog')) for key in keys}
    assert evaluate_cue_file(other, path)['unknown_phrases']['people'] == 1
    # a file that nobody reasoned about has no score, not the score 0
    write_cue_file(path, [CueRecord(*key, (), caption='A dog.',
                                    status='captioned') for key in truth])
    with pytest.raises(CueFileError, match='3 of 3 frames.*caption'):
        evaluate_cue_file(truth, path)


def test_binary_masks_say_so(tmp_path):
    root = make_avsbench_object(tmp_path, 's4', splits=['test'])
    config = Config(dict(test_dataloader=dict(
                             dataset=dict(
                                 type='AVSBenchObjectDataset', data_root=root,
                                 split='test',
                                 pipeline=[dict(type='LoadAVSAnnotations')]))))
    with pytest.raises(ValueError, match="binary. Use truth='a_obj'"):
        read_truth(config)
    (sounding, names), *_ = read_truth(config, truth='a_obj').values()
    assert sounding == {'dog_barking'} < set(names)
    with pytest.raises(ValueError, match='does not say which cues'):
        configured_cues(config)


def test_command(config, root, tmp_path, capsys):
    other = str(tmp_path / 'other.jsonl')
    records = CueFile(f'{root}/cues.jsonl')
    write_cue_file(other, [
        CueRecord(uid, frame, ('speaker', *records[uid, frame].cues[:1]))
        for uid, frame in records
    ])
    out = tmp_path / 'out' / 'rec.json'
    run_tool(TOOL, config, '--cues', f'{root}/cues.jsonl', other, '--out', out)
    text = capsys.readouterr().out
    assert f'| {other} ' in text and ' 40.00 ' in text
    assert f'Of no class in {other}: speaker (10)' in text
    assert 'truth: mask; at most 4 cues of a frame; synonyms: auto' in text
    first, second = json.loads(out.read_text())['results']
    assert first['precision'] == second['precision'] == pytest.approx(40)
    assert second['AP'] < second['recall'] == pytest.approx(75)
