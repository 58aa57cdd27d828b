# Copyright (c) mmteso contributors. All rights reserved.
"""Zero-shot configs with small random models of the real kinds: a test of
generated data under all kinds of sound."""
import math

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS
from narrow import CONFIGS, load
from processes import call_tool

pytest.importorskip('transformers')
import tiny_zero_shot  # noqa: E402

from data import make_avsbench  # noqa: E402
from mmteso.analysis.comparison import compare_models  # noqa: E402
from mmteso.analysis.preference import ComparedModel  # noqa: E402
from mmteso.choices import AUDIO_CONDITIONS  # noqa: E402
from mmteso.engine import evaluate_audio_conditions  # noqa: E402

NAMES = sorted(path.stem for path in (CONFIGS / 'zero_shot').glob('*.py'))
# the folders that the configs name
FOLDERS = {
    'checkpoints/clap-htsat-unfused': 'clap',
    'checkpoints/clipseg-rd64-refined': 'clipseg',
    'checkpoints/sam3': 'sam3',
    'checkpoints/grounding-dino-tiny': 'dino',
    'checkpoints/sam-vit-b': 'sam'
}


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return make_avsbench(
        tmp_path_factory.mktemp('avsbench'), ['v1s', 'v1m'], ['test'])


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    return tiny_zero_shot.write_all(tmp_path_factory.mktemp('models'))


def small(name, folders, root, work_dir) -> Config:
    """A config whose models are the small ones, in this folder's data."""
    text = load(f'zero_shot/{name}.py').pretty_text
    for path, kind in FOLDERS.items():
        text = text.replace(f"'{path}'", f"'{folders[kind]}'")
    config = Config.fromstring(text, '.py')
    config.test_dataloader.update(num_workers=0, persistent_workers=False)
    # two videos: off-screen sound is that of another one
    config.test_dataloader.dataset.update(
        data_root=root, subsets=['v1s', 'v1m'])
    config.work_dir = str(work_dir)
    # random models: all cues but under silence, and all that is found
    config.model.cue_scorer.threshold = 0.
    segmenter = config.model.segmenter
    for kind, option in (('SAM3Segmenter', 'score_threshold'),
                         ('GroundedSAMSegmenter', 'box_threshold')):
        if segmenter.type == kind:
            segmenter[option] = 0.
    return config


@pytest.mark.parametrize('name', NAMES)
def test_all_sounds(name, folders, root, tmp_path):
    """The audio control by mmengine's Runner, without a checkpoint."""
    config = small(name, folders, root, tmp_path)
    semantic = name.endswith('avss')
    report = evaluate_audio_conditions(config)
    scores = report['conditions']
    assert tuple(scores) == AUDIO_CONDITIONS
    key = 'avss/mIoU' if semantic else 'J'
    assert all(0 <= rows[key] <= 100 for rows in scores.values())
    if not semantic:
        assert scores['normal']['foreground'] > 0
        # silence is blank, so every silent frame is right
        assert scores['mute']['foreground'] == 0
        assert scores['mute']['J_sounding'] < scores['normal']['J_sounding']
    else:
        # nothing but background
        assert scores['mute']['avss/mIoU_noBg'] == 0
    assert not any(map(math.isinf, (rows[key] for rows in scores.values())))


def test_one_sound_and_a_checkpoint(folders, root, tmp_path):
    """Weights saved as a checkpoint give the same as the folders'."""
    config = small('clap-clipseg_v1m', folders, root, tmp_path)
    runner = Runner.from_cfg(config)
    metrics = runner.test()
    assert {'J', 'F'} <= set(metrics)
    path = str(tmp_path / 'model.pth')
    torch.save(dict(state_dict=runner.model.state_dict()), path)
    init_default_scope('mmseg')
    model = MODELS.build(config.model)
    assert not model.cue_scorer.is_init
    config.load_from = path
    again = Runner.from_cfg(config)
    assert again.test()['J'] == metrics['J']
    assert again.model.cue_scorer.is_init


def test_command(folders, root, tmp_path, capsys):
    """tools/test.py without a checkpoint; other models need one."""
    path = tmp_path / 'zero-shot.py'
    small('clap-clipseg_v1m', folders, root, tmp_path).dump(path)
    call_tool('test.py', path, '--tta', '--audio', 'normal', 'mute')
    assert '| mute ' in capsys.readouterr().out
    with pytest.raises(SystemExit, match='needs a CHECKPOINT'):
        call_tool('test.py', CONFIGS / 'teso/teso_swin-b_v1m.py')


def test_a_row_beside_the_peers(folders, root, tmp_path):
    """Size, speed and scores of a model without a checkpoint; its FLOPs
    depend on the cues."""
    path = 'configs/zero_shot/clap-clipseg_v1m.py'
    config = small('clap-clipseg_v1m', folders, root, tmp_path)
    report = compare_models([ComparedModel('zero-shot', path, config, None)],
                            str(tmp_path / 'out'), ['normal', 'mute'],
                            speed_frames=1)
    row, blank = report['models'].values()
    assert row['parameters'] > 0 and row['flops'] is None
    assert row['frames_per_second'] > 0
    muted = row['conditions']['mute']
    assert muted['J'] == blank['conditions']['mute']['J'] != \
        row['conditions']['normal']['J']
