# Copyright (c) mmteso contributors. All rights reserved.
import hashlib
import math
import re
import runpy
import shlex
import sys

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS, TRANSFORMS
from processes import ROOT
from tiny_imagebind import random_checkpoint

from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.io import (CueRecord, FeatureFile, FeatureFileError,
                       normalize_phrase, write_cue_file)
from mmteso.models.text_encoders import CueBank, HashTextEncoder, ImageBindText

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")

TOOL = ROOT / 'tools' / 'extract_text_features.py'
IMAGEBIND = ROOT / 'configs' / 'text_features' / 'imagebind.py'
AVSBENCH = ROOT / 'configs' / 'teso' / 'teso_swin-b_v1m.py'
HASH = "text_encoder = dict(type='HashTextEncoder', embed_dims=8)\n"


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, arguments)])
    runpy.run_path(str(TOOL), run_name='__main__')


@pytest.fixture
def fails(monkeypatch, capsys):
    """Run the tool, which is to fail, and return its message."""

    def call(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            run(monkeypatch, *arguments)
        assert stop.value.code == 2
        return capsys.readouterr().err.splitlines()[-1]

    return call


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'hash.py'
    path.write_text(HASH)
    return path


@pytest.fixture
def cues(tmp_path):
    path = str(tmp_path / 'cues.jsonl')
    write_cue_file(path, [
        CueRecord('u', 0, ('Dog', 'emergency-car')),
        CueRecord('u', 1, ()),
        CueRecord('u', 2, ('dog', 'man')),
    ])
    return path


@pytest.fixture
def bank(tmp_path):
    return str(tmp_path / 'made' / 'bank.safetensors')


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """ImageBind of ImageBind's embedding size, but narrow."""
    path = tmp_path_factory.mktemp('weights') / 'imagebind_huge.pth'
    torch.save(
        random_checkpoint(blocks=1, dims=1024, log_scale=math.log(90)), path)
    return str(path)


# ---------------------------------------------------------------- AVSBench
def test_avsbench_from_imagebind(weights, cues, bank, monkeypatch, capsys):
    """The bank is what AVSBench's configs expect, and no other is."""
    option = f'text_encoder.weights={weights}'
    run(monkeypatch, IMAGEBIND, '--cues', cues, '--classes', 'avsbench',
        '--out', bank, '--batch-size', 16, '--cfg-options', option)
    # 'dog' and 'man' are classes, 'Emergency-Car' too
    assert re.search(
        r'bank.safetensors: 70 phrases encoded by imagebind_huge \(1024 '
        r'dimensions\), 0 kept', capsys.readouterr().out)
    file = FeatureFile(bank)
    assert set(file) == {normalize_phrase(n) for n in AVSBENCH_CLASSES[1:]}
    with open(weights, 'rb') as checkpoint:
        digest = hashlib.sha256(checkpoint.read()).hexdigest()
    assert file.provenance.weights_hash == digest
    encoder = ImageBindText(weights)
    assert file.provenance == encoder.provenance()

    pipeline = Config.fromfile(AVSBENCH).train_pipeline
    transform, = (t for t in pipeline if t.type == 'LoadTextCues')
    assert transform.text_encoder.type == 'CueBank'
    # all that is expected is a field of its own or among the settings
    expect = transform.text_encoder.expect
    assert expect.keys() == {'encoder', 'dims', 'settings'}
    transform.cue_file = cues
    transform.text_encoder.bank_file = bank
    results = TRANSFORMS.build(transform)(dict(uid='u', frame=0))
    assert results['text_valid'].tolist() == [True, True, False, False]
    torch.testing.assert_close(
        results['text_feat'][:2],
        encoder(['dog', 'emergency car']),
        rtol=0,
        atol=1e-4)
    assert results['text_feat'][:2].norm(dim=1).tolist() == pytest.approx(
        [90, 90], rel=1e-5)

    # another sentence
    run(monkeypatch, IMAGEBIND, '--cues', cues, '--out', bank, '--overwrite',
        '--cfg-options', option, 'text_encoder.template={cue}')
    with pytest.raises(FeatureFileError, match="'template'.*'{cue}', expect"):
        TRANSFORMS.build(transform)

    # normalised, not scaled
    run(monkeypatch, IMAGEBIND, '--cues', cues, '--out', bank, '--overwrite',
        '--cfg-options', option, 'text_encoder.scaled=False')
    with pytest.raises(FeatureFileError, match="'scaled'.*False, expected Tr"):
        TRANSFORMS.build(transform)


@pytest.mark.parametrize('text_encoder, message', [
    (dict(type='HashTextEncoder', embed_dims=1024),
     "encoder is 'HashTextEncoder', expected 'imagebind_huge'"),
    (dict(type='HashTextEncoder', embed_dims=8), 'dims is 8, expected 1024'),
])
def test_other_banks_are_refused(text_encoder, message, cues, bank, tmp_path,
                                 monkeypatch):
    config = tmp_path / 'other.py'
    config.write_text(f'text_encoder = {text_encoder}\n')
    run(monkeypatch, config, '--cues', cues, '--out', bank)
    expected = Config.fromfile(AVSBENCH).text_encoder
    with pytest.raises(FeatureFileError, match=message):
        MODELS.build(dict(expected, bank_file=bank))


# ---------------------------------------------------------------- phrases
def test_sources_of_phrases(config, cues, bank, tmp_path, monkeypatch, capsys):
    words = tmp_path / 'words.txt'
    words.write_text('Violin\n\nDOG\n')
    classes = tmp_path / 'label2idx.json'
    classes.write_text('{"background": 0, "red-disc": 1, "cyan-cross": 2}')
    run(monkeypatch, config, '--cues', cues, cues, '--phrase-files', words,
        '--phrases', 'steam engine', 'Man', '--classes', classes,
        '--out', bank)
    found = set(FeatureFile(bank))
    named = {'dog', 'emergency car', 'man', 'violin', 'steam engine'}
    assert named < found
    assert 'background' not in found
    assert all(' ' in name for name in found - named)  # 'red disc', ...
    assert torch.equal(
        CueBank(bank)(['Steam-Engine']),
        HashTextEncoder(8)(['steam engine']))
    assert f'{len(found)} phrases encoded by HashTextEncoder' in (
        capsys.readouterr().out)


def test_the_command_of_the_error_adds_what_is_missing(config, cues, bank,
                                                       monkeypatch, capsys):
    run(monkeypatch, config, '--phrases', 'dog', '--out', bank)
    before = CueBank(bank)(['dog'])
    transform = dict(
        type='LoadTextCues',
        cue_file=cues,
        text_encoder=dict(type='CueBank', bank_file=bank))
    with pytest.raises(KeyError) as error:
        TRANSFORMS.build(transform)
    command = re.search(r'(python tools/extract_text_features.py .*) \(CONFIG',
                        str(error.value)).group(1)
    words = shlex.split(command.replace('CONFIG', str(config)))
    run(monkeypatch, *words[2:])
    assert '2 phrases encoded by HashTextEncoder (8 dimensions), 1 kept' in (
        capsys.readouterr().out)
    TRANSFORMS.build(transform)
    assert torch.equal(CueBank(bank)(['dog']), before)

    with pytest.raises(KeyError) as error:
        CueBank(bank)(["player's piano"])
    command = re.search(r'(python tools/extract_text_features.py .*) \(CONFIG',
                        str(error.value)).group(1)
    words = shlex.split(command.replace('CONFIG', str(config)))
    run(monkeypatch, *words[2:])
    assert "player's piano" in FeatureFile(bank)


# ---------------------------------------------------------------- updating
def test_an_existing_bank(config, cues, bank, fails, monkeypatch, tmp_path):
    assert f'no "{bank}" to update' in fails(
        config, '--cues', cues, '--out', bank, '--update')
    run(monkeypatch, config, '--cues', cues, '--out', bank)
    assert '--update' in fails(config, '--cues', cues, '--out', bank)
    other = tmp_path / 'other.py'
    other.write_text(HASH.replace('8', '8, seed=1'))
    message = fails(other, '--phrases', 'x', '--out', bank, '--update')
    assert "seed is 0, the encoder's 1" in message
    assert 'x' not in FeatureFile(bank)
    run(monkeypatch, other, '--phrases', 'x', '--out', bank, '--overwrite')
    assert set(FeatureFile(bank)) == {'x'}
    assert 'not allowed with' in fails(config, '--cues', cues, '--out', bank,
                                       '--overwrite', '--update')


def test_update_notices_other_weights(weights, cues, bank, fails, tmp_path,
                                      monkeypatch):
    """Of the same name, sizes and settings."""
    run(monkeypatch, IMAGEBIND, '--cues', cues, '--out', bank, '--cfg-options',
        f'text_encoder.weights={weights}')
    other = str(tmp_path / 'imagebind_huge.pth')
    torch.save(
        random_checkpoint(
            blocks=1, dims=1024, log_scale=math.log(90), seed=1), other)
    message = fails(IMAGEBIND, '--phrases', 'x', '--out', bank, '--update',
                    '--cfg-options', f'text_encoder.weights={other}')
    assert 'weights_hash is' in message and 'template' not in message


# ---------------------------------------------------------------- errors
@pytest.mark.parametrize('text, message', [
    ('', 'has no field text_encoder'),
    ("text_encoder = dict(type='CueBank', bank_file='x')",
     'looks features up in a cue bank and makes none'),
    ("text_encoder = dict(type='NoSuchEncoder')", 'NoSuchEncoder'),
    ("text_encoder = dict(type='HashTextEncoder', size=8)", "'size'"),
    ("text_encoder = dict(type='ImageBindText', weights='nowhere.pth')",
     'https://dl.fbaipublicfiles.com'),
    ("text_encoder = dict(type='LogMelStats')", 'has no method provenance'),
])
def test_wrong_configs(text, message, bank, fails, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(text)
    assert message in fails(config, '--phrases', 'dog', '--out', bank)


def test_wrong_arguments(config, cues, bank, fails, tmp_path):
    assert 'no phrases to encode' in fails(config, '--out', bank)
    assert 'no.jsonl" does not exist' in fails(
        config, '--out', bank, '--cues', tmp_path / 'no.jsonl')
    assert 'no.txt' in fails(config, '--out', bank, '--phrase-files',
                             tmp_path / 'no.txt')
    assert 'batch_size' in fails(config, '--out', bank, '--cues', cues,
                                 '--batch-size', 0)
    assert 'no.py' in fails(tmp_path / 'no.py', '--out', bank, '--cues', cues)
    assert 'no CUDA device' in fails(config, '--out', bank, '--cues', cues,
                                     '--device', 'cuda:0')
