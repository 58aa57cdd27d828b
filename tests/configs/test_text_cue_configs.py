# Copyright (c) mmteso contributors. All rights reserved.
"""configs/text_cues: what each says, and that it can be built."""
import pytest
from mmengine.config import Config
from narrow import CONFIGS

from mmteso.text_cues import CAPTIONERS, FRAME_SOURCES, REASONERS, CueGenerator
from mmteso.text_cues.prompt import load_prompt, prompt_names

NAMES = sorted(path.name for path in (CONFIGS / 'text_cues').glob('*.py'))
LLAVA, LLAMA = 'llava-hf/llava-1.5-7b-hf', 'meta-llama/Llama-2-7b-chat-hf'
# the paper's rows: what describes, what reasons, with which prompt of G9
ROWS = {
    'teso.py': (LLAVA, LLAMA, 1),
    'teso-p.py': (LLAVA, LLAMA, 2),
    'teso-n.py': (LLAVA, 'NounParser', None),
    'd7_llava_llava.py': (LLAVA, LLAVA, 1),
    'd7_labels.py': (None, 'DatasetLabels', None),
    'd7_video-llava_llama2.py': ('llava-hf/LLaVA-NeXT-Video-7B-hf', LLAMA, 1),
    'teso_4bit.py': (LLAVA, LLAMA, 1),
    'teso_openai.py': (LLAVA, LLAMA, 1),
    'captions_llava.py': (LLAVA, None, None)
}
CAPTIONS = 'data/avsbench/captions_llava.jsonl'


@pytest.fixture(autouse=True)
def address(monkeypatch):
    monkeypatch.setenv('OPENAI_BASE_URL', 'http://server.invalid/v1')


def load(name):
    return Config.fromfile(CONFIGS / 'text_cues' / name)


def who(config):
    """The model, or the class that has none."""
    return config and config.get('model',
                                 config.get('captions_file', config.type))


def test_every_row_is_there():
    assert set(ROWS) <= set(NAMES)
    numbers = {}
    for name in set(NAMES) - set(ROWS):
        config = load(name)
        number = load_prompt(config.reasoner.prompt).number
        assert name.startswith(f'g9-{number:02d}_'), name
        assert name[6:-3].replace('-', '_') == config.reasoner.prompt
        assert who(config.captioner) == CAPTIONS
        assert who(config.reasoner) == LLAMA
        numbers[number] = config.reasoner.prompt
    assert numbers == {
        load_prompt(name).number: name
        for name in prompt_names()
    }
    assert sorted(numbers) == list(range(1, 11))
    assert load('captions_llava.py').cue_file == CAPTIONS


@pytest.mark.parametrize('name', ROWS)
def test_rows(name):
    captioner, reasoner, number = ROWS[name]
    config = load(name)
    assert who(config.captioner) == captioner
    assert who(config.reasoner) == reasoner
    if captioner:
        assert config.captioner.prompt == 'caption_paper'
    if number:
        assert load_prompt(config.reasoner.prompt).number == number
    if name == 'teso_4bit.py':
        for model in config.captioner, config.reasoner:
            assert model.quantization.load_in_4bit
    if name != 'captions_llava.py':
        assert config.reasoner.num_cues == 4  # N_T


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
    generator = CueGenerator(*(
        registry.build(model) if model else None
        for registry, model in ((CAPTIONERS, config.captioner),
                                (REASONERS, config.reasoner))),
                             **config.generator)
    origin = generator.origin
    if config.captioner:
        assert origin['captioner']
    if config.reasoner:
        assert origin['reasoner']
    assert generator.overlap == (name == 'teso_openai.py')
