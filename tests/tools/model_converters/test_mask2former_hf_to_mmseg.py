# Copyright (c) mmteso contributors. All rights reserved.
import json
import runpy
import sys

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from narrow import load
from processes import ROOT
from tiny_mask2former import (build_model, hf_logits, narrow_like_hf,
                              stock_logits, tiny_hf_mask2former,
                              tiny_stock_config)

from mmteso.io import file_sha256
from mmteso.models import BottleneckAdapter

pytest.importorskip('transformers', reason="needs pip install 'mmteso[text]'")

TOOL = ROOT / 'tools' / 'model_converters' / 'mask2former_hf_to_mmseg.py'
OURS = dict(swin='teso/teso_swin-t_v1m.py', resnet='teso/teso_r50_v1m.py')
KINDS = list(OURS)
PIXELS = dict(
    do_normalize=True,
    do_rescale=True,
    image_mean=[0.48500001430511475, 0.4560000002384186, 0.4059999883174896],
    image_std=[0.2290000021457672, 0.2239999920129776, 0.22499999403953552],
    rescale_factor=0.00392156862745098)
CLASS_HEAD = {'decode_head.cls_embed.weight', 'decode_head.cls_embed.bias'}


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, arguments)])
    runpy.run_path(str(TOOL), run_name='__main__')


@pytest.fixture(scope='module')
def sources(tmp_path_factory):
    """Folders as transformers writes them, and the models."""
    folder = tmp_path_factory.mktemp('hf')
    models = {}
    for kind in KINDS:
        models[kind] = tiny_hf_mask2former(kind)
        models[kind].save_pretrained(folder / kind)
    (folder / 'swin' / 'preprocessor_config.json').write_text(
        json.dumps(PIXELS))
    return folder, models


@pytest.fixture(scope='module')
def configs(tmp_path_factory):
    """Our configs, narrow, as files."""
    folder = tmp_path_factory.mktemp('configs')
    for kind, name in OURS.items():
        model = narrow_like_hf(load(name).model)
        Config(dict(model=model)).dump(folder / f'{kind}.py')
    return folder


@pytest.mark.parametrize('kind', KINDS)
def test_both_models_load_it(kind, sources, configs, tmp_path, monkeypatch,
                             capsys):
    folder, models = sources
    out = tmp_path / 'weights' / f'{kind}.pth'
    run(monkeypatch, folder / kind, out, '--config', configs / f'{kind}.py')
    printed = capsys.readouterr().out
    assert f'{out}: ' in printed and ' 5 classes' in printed
    assert ('were not compared' in printed) == (kind == 'resnet')
    content = torch.load(out, weights_only=True)
    assert content['meta'] == dict(
        converted_from=kind,
        source_sha256=file_sha256(str(folder / kind / 'model.safetensors')))
    assert [path.name for path in out.parent.iterdir()] == [out.name]

    # mmsegmentation's own: all of it, and the same output
    stock = build_model(tiny_stock_config(kind))
    load_checkpoint(stock, str(out), map_location='cpu', strict=True)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for ours, theirs in zip(
                stock_logits(stock, image), hf_logits(models[kind], image)):
            torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)

    # ours, as load_from loads it: all but the class head
    model = build_model(Config.fromfile(configs / f'{kind}.py').model)
    load_checkpoint(model, str(out), map_location='cpu')
    after = model.state_dict()
    for name in content['state_dict'].keys() - CLASS_HEAD:
        assert torch.equal(after[name], content['state_dict'][name]), name
    assert {
        name
        for name in CLASS_HEAD
        if after[name].shape != content['state_dict'][name].shape
    } == CLASS_HEAD
    new = {
        f'{path}.{key}'
        for path, module in model.named_modules()
        if isinstance(module, BottleneckAdapter)
        for key in module.state_dict()
    } | {
        name
        for name in after if name.startswith(('prompt_encoder.',
                                              'decode_head.pmqs.',
                                              'audio_encoder.'))
    }
    assert after.keys() - content['state_dict'].keys() == new
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained == new | CLASS_HEAD


def test_says_what_the_config_must_say(sources, tmp_path, monkeypatch,
                                       capsys):
    run(monkeypatch, sources[0] / 'swin' / 'model.safetensors',
        tmp_path / 'out.pth')
    lines = capsys.readouterr().out.splitlines()
    assert '  backbone.window_size = 4' in lines
    assert '  data_preprocessor.mean = [123.675, 116.28, 103.53]' in lines


def test_errors_leave_no_file(sources, configs, tmp_path, monkeypatch,
                              capsys):
    out = tmp_path / 'out.pth'

    def message(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            run(monkeypatch, *arguments)
        assert stop.value.code == 2
        return capsys.readouterr().err

    swin = sources[0] / 'swin'
    text = message(swin, out, '--config', configs / 'resnet.py')
    assert "backbone.type is 'ResNet', the weights need 'SwinTran" in text
    assert 'decode_head.in_channels is [32, 64, 128, 256]' in text
    other = tmp_path / 'pixels.py'
    other.write_text(
        f'_base_ = [{str(configs / "swin.py")!r}]\n'
        'model = dict(data_preprocessor=dict(bgr_to_rgb=False))\n')
    assert 'bgr_to_rgb is False' in message(swin, out, '--config', other)
    assert 'No such file' in message(swin, out, '--config',
                                     tmp_path / 'no.py')
    assert 'must end with ".pth"' in message(swin, tmp_path / 'out.bin')
    assert 'no file or folder' in message(tmp_path / 'nothing', out)
    assert {path.name for path in tmp_path.iterdir()} == {'pixels.py'}
    out.touch()
    assert 'exists already' in message(swin, out)
