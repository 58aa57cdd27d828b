# Copyright (c) mmteso contributors. All rights reserved.
import hashlib
import math
import re
import shlex

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import TRANSFORMS
from processes import ROOT, call_tool, refusal
from tiny_imagebind import random_checkpoint

from mmteso.datasets.avsbench_meta import AVSBENCH_CLASSES
from mmteso.io import (CueBank, CueRecord, MissingPhrasesError,
                       normalize_phrase, write_cue_file)
from mmteso.models.text_encoders import ImageBindText

TOOL = 'extract_text_features.py'
IMAGEBIND = ROOT / 'configs' / 'text_features' / 'imagebind.py'
AVSBENCH = ROOT / 'configs' / 'teso' / 'teso_swin-b_v1m.py'
HASH = "text_encoder = dict(type='HashTextEncoder', embed_dims=8)\n"


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'hash.py'
    path.write_text(HASH)
    return path


@pytest.fixture
def cues(tmp_path):
    path = str(tmp_path / 'cues.jsonl')
    write_cue_file(path, [CueRecord('u', 0, ('Dog', 'emergency-car')),
                          CueRecord('u', 1, ()),
                          CueRecord('u', 2, ('dog', 'man'))])
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


def test_avsbench_from_imagebind(weights, cues, bank, capsys, tmp_path):
    """As the README writes the bank that AVSBench's configs name."""
    option = f'text_encoder.weights={weights}'
    call_tool(TOOL, IMAGEBIND, '--cues', cues, '--classes', 'avsbench',
              '--out', bank, '--batch-size', 16, '--cfg-options', option)
    # 'dog' and 'man' are classes, 'Emergency-Car' too
    assert re.search(
        r'bank.safetensors: 70 phrases encoded by imagebind_huge \(1024 '
        r'dimensions\), 0 kept', capsys.readouterr().out)
    file = CueBank(bank)
    assert set(file) == {normalize_phrase(n) for n in AVSBENCH_CLASSES[1:]}
    with open(weights, 'rb') as checkpoint:
        digest = hashlib.sha256(checkpoint.read()).hexdigest()
    assert file.provenance.weights_hash == digest
    encoder = ImageBindText(weights)
    assert file.provenance == encoder.provenance()

    pipeline = Config.fromfile(AVSBENCH).train_pipeline
    transform, = (t for t in pipeline if t.type == 'LoadTextCues')
    results = TRANSFORMS.build(transform)(
        dict(uid='u', frame=0, cue_file=cues, cue_bank=bank))
    assert results['text_valid'].tolist() == [True, True, False, False]
    torch.testing.assert_close(results['text_feat'][:2],
                               encoder(['dog', 'emergency car']), rtol=0,
                               atol=1e-4)
    assert results['text_feat'][:2].norm(dim=1).tolist() == pytest.approx(
        [90, 90], rel=1e-5)

    # other weights of the same name, sizes and settings
    other = str(tmp_path / 'imagebind_huge.pth')
    torch.save(random_checkpoint(blocks=1, dims=1024, log_scale=math.log(90),
                                 seed=1), other)
    message = refusal(TOOL, IMAGEBIND, '--phrases', 'x', '--out', bank,
                      '--update', '--cfg-options',
                      f'text_encoder.weights={other}')
    assert 'weights_hash is' in message and 'template' not in message


def test_the_command_of_the_error_adds_what_is_missing(config, cues, bank,
                                                       capsys):
    call_tool(TOOL, config, '--phrases', 'dog', '--out', bank)
    before = CueBank(bank)['dog']
    sample = dict(uid='u', frame=0, cue_file=cues, cue_bank=bank)
    for look_up in (lambda: TRANSFORMS.build(dict(type='LoadTextCues'))(
            dict(sample)), lambda: CueBank(bank).look_up(["player's piano"])):
        with pytest.raises(MissingPhrasesError) as error:
            look_up()
        command = re.search(
            r'(python tools/extract_text_features.py .*) \(CONFIG',
            str(error.value)).group(1)
        words = shlex.split(command.replace('CONFIG', str(config)))
        call_tool(TOOL, *words[2:])
        look_up()
    assert '2 phrases encoded by HashTextEncoder (8 dimensions), 1 kept' in (
        capsys.readouterr().out)
    assert torch.equal(CueBank(bank)['dog'], before)


@pytest.mark.parametrize('text, message', [
    ('', 'has no field text_encoder'),
    ("text_encoder = dict(type='NoSuchEncoder')", 'NoSuchEncoder'),
    ("text_encoder = dict(type='HashTextEncoder', size=8)", "'size'"),
    ("text_encoder = dict(type='ImageBindText', weights='nowhere.pth')",
     'https://dl.fbaipublicfiles.com'),
])
def test_wrong_configs(text, message, bank, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(text)
    assert message in refusal(TOOL, config, '--phrases', 'dog', '--out', bank)


@pytest.mark.parametrize('words, message', [
    ([], 'no phrases to encode'),
    (['--cues', 'no.jsonl'], 'no.jsonl" does not exist'),
    (['--phrase-files', 'no.txt'], 'no.txt'),
    (['--phrases', 'dog', '--device', 'cuda:0'], 'no CUDA device'),
])
def test_wrong_arguments(config, bank, words, message):
    assert message in refusal(TOOL, config, '--out', bank, *words)
