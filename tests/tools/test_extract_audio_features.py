# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from both_kinds import run_tool
from mmengine.config import Config
from narrow import CONFIGS

from data import make_avsbench
from mmteso.io import FeatureFile

CACHED = 'teso/teso-cached-audio_swin-b_v1m.py'


@pytest.fixture
def command(tmp_path):
    """Run the tool here, on the config that trains from a cache."""
    cfg = Config.fromfile(CONFIGS / CACHED)
    cfg.update(work_dir=str(tmp_path / 'work'), experiment_name='cache')
    root = make_avsbench(tmp_path / 'avsbench', subsets=('v1s', 'v1m'))
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].dataset.data_root = root
    cfg.model.audio_encoder = dict(type='LogMelStats')
    out = str(tmp_path / 'audio.safetensors')

    def call(*options):
        run_tool('extract_audio_features.py', cfg, '--out', out, '--workers',
                 0, *options)
        return FeatureFile(out)

    return call


def test_cached_config_makes_its_own_cache(command, capsys):
    """Its test pipeline says how the sound is cut."""
    features = command('--device', 'cpu')
    expect = Config.fromfile(CONFIGS / CACHED).audio_features.expect
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
    assert len(command('--overwrite', '--split', 'train', '--subset', 'v1s',
                       'v1m')) == 10
