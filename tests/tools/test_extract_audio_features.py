# Copyright (c) mmteso contributors. All rights reserved.
import runpy
import sys

import pytest
from mmengine.config import Config
from processes import ROOT

from data import make_avsbench
from mmteso.io import FeatureFile

SCRIPT = str(ROOT / 'tools' / 'extract_audio_features.py')
CACHED = ROOT / 'configs/teso/teso-cached-audio_swin-b_v1m.py'


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return make_avsbench(
        tmp_path_factory.mktemp('avsbench'), subsets=('v1s', 'v1m'))


@pytest.fixture
def command(root, tmp_path, monkeypatch):
    """Run the tool, in this process, on the cached config's leaf."""
    leaf = tmp_path / 'leaf.py'
    leaf.write_text(f'_base_ = [{str(CACHED)!r}]\n'
                    f'dataset = dict(data_root={root!r})\n'
                    'train_dataloader = dict(dataset=dataset)\n'
                    'val_dataloader = dict(dataset=dataset)\n'
                    'test_dataloader = dict(dataset=dataset)\n'
                    "model = dict(audio_encoder=dict(\n"
                    "    _delete_=True, type='LogMelStats'))\n")
    out = tmp_path / 'audio.safetensors'

    def call(*options):
        monkeypatch.setattr(sys, 'argv', [
            'extract_audio_features.py',
            str(leaf), '--out',
            str(out), '--workers', '0', *options
        ])
        runpy.run_path(SCRIPT, run_name='__main__')
        return FeatureFile(str(out))

    return call


def test_cached_config_makes_its_own_cache(command, capsys):
    """Its test pipeline says how the sound is cut."""
    features = command('--device', 'cpu')
    config = Config.fromfile(CACHED)
    expect = config.audio_features.expect
    settings = features.provenance.settings
    for name, value in expect.settings.items():
        assert settings[name] == value
    assert expect.dims == features.provenance.dims
    assert len(features) == 15
    assert '15 features of 3 clips (LogMelStats, 128 numbers each)' in \
        capsys.readouterr().out
    with pytest.raises(SystemExit):
        command()
    error = capsys.readouterr().err
    assert 'is there already: --overwrite replaces it' in error
    features = command('--overwrite', '--split', 'train', '--subset', 'v1s',
                       'v1m', '--cfg-options',
                       'test_dataloader.dataset.pipeline.3.clip_hop=0.96')
    assert len(features) == 10
    assert features.provenance.settings['clip_hop'] == 0.96


@pytest.mark.parametrize('options, message', [
    (['--subset', 'v2'], 'no clip of split'),
    (['--batch-size', '0'], '--batch-size must be at least 1'),
    (['--cfg-options', 'model.audio_encoder=None'], 'has no audio_encoder'),
])
def test_one_line_for_mistakes(command, capsys, options, message):
    with pytest.raises(SystemExit) as error:
        command(*options)
    assert error.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
