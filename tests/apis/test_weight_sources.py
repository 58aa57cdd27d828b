# Copyright (c) mmteso contributors. All rights reserved.
import pytest
from mmengine.config import Config
from narrow import CONFIGS

from mmteso.apis import WeightSource, find_weights, read_sources
from mmteso.apis.weight_sources import find_source
from mmteso.engine import OPENMMLAB_HOSTS

LEAVES = sorted(
    path.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob('*.py')
    if '_base_' not in path.parts)


def weights_of(name, **options):
    config = Config.fromfile(CONFIGS / name)
    config.merge_from_dict(options)
    return find_weights(config)


def names_of(name, **options):
    return {
        reference.rsplit('/', 1)[-1]: field
        for reference, field in weights_of(name, **options).items()
    }


# ------------------------------------------------------------------- configs
def test_every_file_of_every_config_is_explained(monkeypatch):
    monkeypatch.setenv('OPENAI_BASE_URL', 'http://server.invalid/v1')
    sources = read_sources()
    used, unknown = set(), []
    for name in LEAVES:
        waiting = list(weights_of(name))
        while waiting:
            reference = waiting.pop()
            source = find_source(reference, sources)
            if source is None:
                unknown.append((name, reference))
                continue
            source.expected_hash(reference)  # the name has one, if it must
            used.add(source)
            waiting += source.needs
    assert not unknown
    assert not [s.file for s in sources if s not in used]


def test_training():
    assert names_of('teso/teso-cached-audio_swin-b_v1m.py') == {
        'mask2former_swin-b-in22k-384x384-pre_8xb2-160k_ade20k-640x640_'
        '20221203_235230-7ec0f569.pth': 'load_from',
        'vggish-10086976.pth': 'model.audio_encoder.init_cfg.checkpoint',
        'cue_bank_imagebind.safetensors': 'dataset.cue_bank',
        'audio_vggish.safetensors': 'train_pipeline.feature_file',
        'cues.jsonl': 'dataset.cue_file'
    }
    assert list(names_of('teso/teso_r18_synthavs.py')) == [
        'cues.jsonl', 'cue_bank.safetensors'
    ]


@pytest.mark.parametrize('name, file', [
    ('teso/teso-beats_swin-b_v1m.py', 'BEATs_iter3_plus_AS2M.pt'),
    ('teso/teso-ast_swin-b_v1m.py', 'ast-finetuned-audioset-10-10-0.4593'),
    ('teso/teso-clap_swin-b_v1m.py', 'clap-htsat-unfused'),
])
def test_audio_encoders(name, file):
    """VGGish, which they replace, is not needed."""
    names = names_of(name)
    assert file in names and 'vggish-10086976.pth' not in names


def test_text_cues(monkeypatch):
    """What is read; the cue file is what it writes."""
    assert names_of('text_cues/teso.py') == {
        'llava-1.5-7b-hf': 'captioner.model',
        'Llama-2-7b-chat-hf': 'reasoner.model'
    }
    assert names_of('text_cues/g9-01_few-shot-cot.py') == {
        'captions_llava.jsonl': 'captioner.captions_file',
        'Llama-2-7b-chat-hf': 'reasoner.model'
    }
    # a server's model is not needed here
    monkeypatch.setenv('OPENAI_BASE_URL', 'http://server.invalid/v1')
    assert list(names_of('text_cues/teso_openai.py')) == ['llava-1.5-7b-hf']
    assert names_of('text_features/imagebind.py') == {
        'imagebind_huge.pth': 'text_encoder.weights'
    }


def test_options_count():
    names = names_of(
        'teso/teso_swin-b_v1m.py', **{
            'load_from': None,
            'model.audio_encoder.init_cfg.checkpoint': 'a/b.pth'
        })
    assert names['b.pth'] == 'model.audio_encoder.init_cfg.checkpoint'
    assert not [name for name in names if 'mask2former' in name]


# ------------------------------------------------------------------- sources
def test_matches():
    source = WeightSource('BEATs_iter*.pt', 'BEATs', by_hand='ask')
    assert source.matches('checkpoints/BEATs_iter3.pt')
    assert not source.matches('checkpoints/beats_iter3.pt')
    folder = WeightSource('sam-vit-b', 'SAM', hf='x')
    assert folder.matches('checkpoints/sam-vit-b/')
    assert not folder.matches('checkpoints/sam-vit-b/model.safetensors')


def test_other_host():
    """A config of the onedl packages has the same file from there."""
    path = 'mmsegmentation/v0.5/mask2former/a/b-01234567.pth'
    sources = read_sources()
    first, second = (
        find_source(host + path, sources) for host in OPENMMLAB_HOSTS)
    assert first is second and 'Mask2Former' in first.what


def test_expected_hash():
    by_name = WeightSource('*', 'x', url='config', sha256='name')
    assert by_name.expected_hash('a/vggish-10086976.pth') == '10086976'
    assert by_name.expected_hash('m_20221203_235230-7ec0f569.pth') == \
        '7ec0f569'
    with pytest.raises(ValueError, match='must end with a hyphen'):
        by_name.expected_hash('model.pth')
    assert by_name._replace(sha256=None).expected_hash('a.pth') is None
    assert by_name._replace(sha256='ab' * 32).expected_hash('a.pth') == \
        'ab' * 32


@pytest.mark.parametrize('text, message', [
    ('file: a', 'must hold a list'),
    ('- a', "entry 1 must be a mapping, but is 'a'"),
    ('- {file: a, what: b, link: c}', r"unknown fields \['link'\]"),
    ('- {file: a, url: b}', 'needs the fields file and what'),
    ('- {file: a, what: b}', r'\(a\) needs one of'),
    ('- {file: a, what: b, url: c, hf: d}', 'needs one of'),
    ('- {file: a, what: b, url: c, sha256: 10086976}', 'quote digits'),
    ("- {file: a, what: b, url: c, sha256: '1008'}", '8 to 64 digits'),
    ('- {file: a, what: b, made_by: c, needs: [1]}', 'needs must be text'),
    ('- {file: a, file: b}', 'occurs twice'),
])
def test_mistakes_in_the_list(tmp_path, text, message):
    path = tmp_path / 'sources.yml'
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_sources(str(path))
