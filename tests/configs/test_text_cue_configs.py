# Copyright (c) mmteso contributors. All rights reserved.
"""configs/text_cues: what each says, and that it can be built."""
import pytest
from mmengine.config import Config
from narrow import CONFIGS

from mmteso.text_cues import CAPTIONERS, FRAME_SOURCES, REASONERS, CueGenerator

NAMES = sorted(path.name for path in (CONFIGS / 'text_cues').glob('*.py'))
LLAVA, LLAMA = 'llava-hf/llava-1.5-7b-hf', 'meta-llama/Llama-2-7b-chat-hf'
CAPTIONS = 'data/avsbench/captions_llava.jsonl'


@pytest.fixture(autouse=True)
def address(monkeypatch):
    monkeypatch.setenv('OPENAI_BASE_URL', 'http://server.invalid/v1')


def load(name):
    return Config.fromfile(CONFIGS / 'text_cues' / name)


def test_no_two_write_the_same_file():
    files = [load(name).cue_file for name in NAMES]
    assert len(set(files)) == len(NAMES)


@pytest.mark.parametrize('name', NAMES)
def test_builds(name, tmp_path, monkeypatch):
    """Without weights: models are loaded when they are first asked."""
    config = load(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'data' / 'avsbench').mkdir(parents=True)
    (tmp_path / CAPTIONS).write_text(
        '{"uid": "u", "frame": 0, "caption": "A dog.", "captioner": "c"}\n')
    frames = config.frames
    assert frames.dataset.subsets == ('v1s', 'v1m', 'v2')
    assert frames.dataset.split is None and not frames.dataset.with_masks
    FRAME_SOURCES.build(frames)
    generator = CueGenerator(
        *(registry.build(model) if model else None for registry, model in (
              (CAPTIONERS, config.captioner), (REASONERS, config.reasoner))),
        **config.generator)
    origin = generator.origin
    if config.captioner:
        assert origin['captioner']
    if config.reasoner:
        assert origin['reasoner']
    assert generator.overlap == (name == 'teso_openai.py')
