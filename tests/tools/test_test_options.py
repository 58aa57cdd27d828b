# Copyright (c) mmteso contributors. All rights reserved.
"""What tools/test.py makes of a config."""
import json
import runpy
import shutil

import mmengine
import numpy as np
import pytest
import torch
from both_kinds import random_checkpoint, read_checkpoint, run_tool
from mmengine.config import Config
from mmseg.evaluation import IoUMetric
from mmseg.models import SegTTAModel
from narrow import load, narrow_config
from PIL import Image
from processes import ROOT

from mmteso.datasets.avsbench_meta import get_class_set
from mmteso.models import AVSTTAModel
from mmteso.testbeds.synthavs import generate_synthavs


@pytest.fixture(scope='module')
def functions():
    return runpy.run_path(str(ROOT / 'tools/test.py'), run_name='test_script')


@pytest.fixture
def command(tmp_path):
    """Run tools/test.py, in this process, on a narrow model."""
    data = tmp_path / 'synthavs'
    generate_synthavs(data, videos=6, frames=2, size=32)
    cfg = narrow_config(
        load('teso/teso_r18_synthavs.py'), data, tmp_path / 'work')
    checkpoint = random_checkpoint(cfg)

    def call(*options):
        run_tool('test.py', cfg, checkpoint, *options)

    call.cfg = cfg
    return call


@pytest.mark.parametrize('types', [['IoUMetric', 'CueSelectionMetric'],
                                   [IoUMetric]])
def test_what_an_option_needs(functions, types):
    """A metric that writes, a hook that draws, settings of the config."""
    cfg = Config(dict(test_evaluator=[dict(type=name) for name in types],
                      tta_model=dict(type='AVSTTAModel')))
    with pytest.raises(SystemExit, match='--out needs .*IoUMetric'):
        functions['save_predictions'](cfg, 'out')
    with pytest.raises(SystemExit, match='AVSVisualizationHook'):
        functions['turn_on_visualization'](cfg, None)
    with pytest.raises(SystemExit, match='tta_pipeline in the config'):
        functions['use_tta'](cfg)


def test_out(command, tmp_path):
    """The shipped evaluators, and a second writer, given as its class."""
    command('--out', tmp_path / 'one')
    frames = sorted((tmp_path / 'one').rglob('*.png'))
    assert len(frames) == 2
    subset, uid, name = frames[0].relative_to(tmp_path / 'one').parts
    assert subset == 'v2' and name == '0.png'
    assert (tmp_path / 'synthavs' / subset / uid / 'frames').is_dir()
    image = np.asarray(Image.open(frames[0]))
    assert image.shape == (32, 32) and set(np.unique(image)) <= {0, 255}

    command.cfg.test_evaluator.append(dict(type='AVSSMetric'))
    command('--out', tmp_path / 'two')
    for folder, mode in (('0_AVSMetric', 'L'), ('3_AVSSMetric', 'P')):
        written = sorted((tmp_path / 'two' / folder).rglob('*.png'))
        assert len(written) == 2
        assert Image.open(written[0]).mode == mode


NO_MASKS = ['--cfg-options', 'test_dataloader.dataset.with_masks=False']


def test_out_without_masks(command, tmp_path):
    """The same masks as with ground truth, the branch of --tta included."""
    options = ['--tta', '--audio', 'normal', 'mute', '--out']
    command(*options, tmp_path / 'scored')
    for folder in (tmp_path / 'synthavs').glob('v2/*/labels_*'):
        shutil.rmtree(folder)
    command(*options, tmp_path / 'predicted', *NO_MASKS)
    scored, predicted = ({path.relative_to(tmp_path / name): path.read_bytes()
                          for path in (tmp_path / name).rglob('*.png')}
                         for name in ('scored', 'predicted'))
    assert scored == predicted and len(scored) == 4

    with pytest.raises(FileNotFoundError, match='with_masks=False'):
        command('--out', tmp_path / 'missing')
    with pytest.raises(SystemExit, match='--out or --show-dir'):
        command(*NO_MASKS)


def test_scores_and_pictures_without_masks(command, tmp_path):
    for folder in (tmp_path / 'synthavs').glob('v2/*/labels_*'):
        shutil.rmtree(folder)
    command('--out', tmp_path / 'results.pkl', '--show-dir', tmp_path / 'show',
            *NO_MASKS)
    samples = mmengine.load(tmp_path / 'results.pkl')
    assert [sample['frame'] for sample in samples] == [0, 1]
    for sample in samples:
        assert sample['sounding_score']['data'].shape == (1, 32, 32)
        assert 'gt_sem_seg' not in sample
    assert len(list((tmp_path / 'show').rglob('*.png'))) == 2


@pytest.mark.parametrize('name', ['SegTTAModel', 'mmseg.SegTTAModel',
                                  SegTTAModel])
def test_model_that_merges_no_sounding_score(functions, name):
    cfg = Config(dict(tta_model=dict(type=name), tta_pipeline=[]))
    with pytest.raises(SystemExit, match='AVSTTAModel'):
        functions['use_tta'](cfg)


def test_tta(command, tmp_path, monkeypatch):
    """Also with other sound; the checkpoint reaches the wrapped model."""
    weights = read_checkpoint(tmp_path / 'work/random.pth')['state_dict']
    merge, calls = AVSTTAModel.merge_preds, []

    def spy(self, data_samples_list):
        state = self.module.state_dict()
        calls.append([len(data_samples_list), len(data_samples_list[0]),
                      data_samples_list[0][0].audio_condition,
                      all(torch.equal(weights[key], state[key])
                          for key in state)])
        return merge(self, data_samples_list)

    monkeypatch.setattr(AVSTTAModel, 'merge_preds', spy)
    command('--tta', '--audio', 'normal', 'mute')
    # one batch of two frames, two views each
    assert calls == [[2, 2, 'normal', True], [2, 2, 'mute', True]]


def test_off_screen(command, tmp_path, capsys):
    """Predictions of each condition into a folder of its own."""
    groups = tmp_path / 'groups.yaml'
    dataset = command.cfg.test_dataloader.dataset
    names, _ = get_class_set(dataset.metainfo, dataset.data_root)
    groups.write_text('\n'.join(f'{name}: [{name}]' for name in names[1:]))
    out = tmp_path / 'masks'
    # the only split with more than one clip
    command('--audio', 'normal', 'off-screen', '--off-screen-groups', groups,
            '--out', out, '--cfg-options',
            'test_dataloader.dataset.split=train')
    output = capsys.readouterr().out
    assert '| off-screen ' in output and f"classes ('{groups}')" in output
    frames = [sorted(path.relative_to(folder)
                     for path in folder.rglob('*.png'))
              for folder in (out / 'normal', out / 'off-screen')]
    assert frames[0] == frames[1] and len(frames[0]) == 2


def test_audio_out_is_strict_json(command, tmp_path, capsys):
    """No cue has a known class: the shares of cues kept are NaN."""
    root = command.cfg.test_dataloader.dataset.data_root
    lines = [json.loads(line) for line in open(f'{root}/cues.jsonl')]
    with open(f'{root}/cues.jsonl', 'w') as file:
        for line in lines:
            file.write(json.dumps(dict(line, cues=['no such thing'])) + '\n')
    table = tmp_path / 'out' / 'audio.json'
    command('--audio', 'normal', 'mute', '--audio-out', table)

    def refuse(constant):
        raise AssertionError(constant)

    report = json.loads(table.read_text(), parse_constant=refuse)
    assert report['conditions']['normal']['cues/sounding_kept'] is None
    assert isinstance(report['conditions']['mute']['J'], float)
    assert report['config'].endswith(f'{command.cfg.experiment_name}.py')
    output = capsys.readouterr().out
    assert 'AVSMetric: J and F per frame' in output
    assert 'CueSelectionMetric: shares of the cues' in output
    assert 'see its documentation' not in output
