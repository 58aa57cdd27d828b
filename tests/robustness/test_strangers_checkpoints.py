# Copyright (c) mmteso contributors. All rights reserved.
"""Checkpoints of strangers run nothing, and are data all the same."""
import ast
import sys
from pathlib import Path

import mmengine.runner.checkpoint
import numpy as np
import pytest
import safetensors.torch
import torch
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader, Runner
from processes import ROOT, call_tool
from toy_runner import toy_config, train

from mmteso.io import CheckpointError, read_checkpoint

UNPICKLED = []


class Note:
    """Notes that it was unpickled."""

    def __setstate__(self, state):
        UNPICKLED.append(state)


def make_note():
    UNPICKLED.append('called')


class Call:
    """Pickles as the call of a function."""

    def __reduce__(self):
        return make_note, ()


def note():
    one = Note()
    one.here = True
    return one


@pytest.fixture(autouse=True)
def nothing_ran():
    UNPICKLED.clear()
    yield
    assert not UNPICKLED


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A folder with a toy training; its checkpoint is OpenMMLab's kind."""
    folder = tmp_path_factory.mktemp('trained')
    config = toy_config(folder)
    config['custom_hooks'] = []  # no PlainCheckpointHook
    train(config, 'strangers')
    return folder


def stranger(trained, path, where):
    """The toy's checkpoint with a note somewhere in it."""
    content = read_checkpoint(trained / 'iter_7.pth')
    holder = content
    for key in where:
        holder = holder[key]
    holder['extra'] = note()
    torch.save(content, path)
    return str(path)


def test_the_notes_do_note(tmp_path):
    """What the other tests rely on."""
    torch.save([note(), Call()], tmp_path / 'note.pth')
    torch.load(tmp_path / 'note.pth', weights_only=False)
    assert UNPICKLED == [{'here': True}, 'called']
    UNPICKLED.clear()


def load_from(path, folder):
    runner = Runner.from_cfg(
        toy_config(folder, load_from=path, experiment_name=folder.name))
    runner.train()


def resume(path, folder):
    runner = Runner.from_cfg(toy_config(folder, load_from=path, resume=True,
                                        experiment_name=folder.name))
    runner.train()


def init_cfg(path, folder):
    module = BaseModule(dict(type='Pretrained', checkpoint=path))
    module.layer = torch.nn.Linear(3, 4)
    module.init_weights()


def init_cfg_with_prefix(path, folder):
    BaseModule(dict(type='Pretrained', checkpoint=path,
                    prefix='layer')).init_weights()


def an_address(path, folder):
    CheckpointLoader.load_checkpoint(f'https://example.com/{Path(path).name}')


def a_name(path, folder):
    CheckpointLoader.load_checkpoint('torchvision://stranger')


@pytest.mark.parametrize('way', [
    load_from, resume, init_cfg, init_cfg_with_prefix, an_address, a_name])
@pytest.mark.parametrize('where', [(), ('meta', ),
                                   ('message_hub', 'runtime_info')])
def test_refused_on_all_ways(way, where, trained, tmp_path, monkeypatch):
    """Also from the cache of what was downloaded."""
    monkeypatch.setattr(torch.hub, '_hub_dir', str(tmp_path))
    monkeypatch.setattr(
        mmengine.runner.checkpoint, 'get_torchvision_models',
        lambda: dict(stranger='https://example.com/stranger.pth'))
    (tmp_path / 'checkpoints').mkdir()
    path = stranger(trained, tmp_path / 'checkpoints/stranger.pth', where)
    with pytest.raises(CheckpointError) as caught:
        way(path, tmp_path)
    said = str(caught.value)
    assert path in said and f'{Note.__module__}.Note' in said
    assert 'trusted_to_plain.py' in said and '--trust' in said


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('bad, named', [
    (Call(), 'make_note'),
    (np.array([1, 'a'], dtype=object), "numpy.dtype('O"),
    (np.zeros(1, [('a', 'f4')]), "numpy.dtype('V4')"),
    (len, 'len'),
    (np.dtype('O'), "numpy.dtype('O"),
])
def test_the_type_is_named(bad, named, zipped, tmp_path):
    path = tmp_path / 'x.pth'
    torch.save(dict(state_dict={}, x=bad), path,
               _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    assert named in str(caught.value)


def test_attributes_of_nothing_else(tmp_path):
    """HistoryBuffer's own methods are pickled by getattr."""

    class Attribute:

        def __reduce__(self):
            return getattr, (torch.Size, 'numel')

    torch.save(Attribute(), tmp_path / 'x.pth')
    with pytest.raises(CheckpointError, match='builtins.getattr'):
        read_checkpoint(tmp_path / 'x.pth')


@pytest.mark.parametrize('zipped', [True, False])
def test_what_checkpoints_hold_comes_back(zipped, tmp_path):
    history = HistoryBuffer(max_length=3)
    for value in range(5):
        history.update(float(value))
    content = dict(history=history, empty=HistoryBuffer(),
                   numbers=[np.float64(.1), np.int64(3), np.bool_(True)],
                   arrays=[np.arange(6.).reshape(2, 3).T, np.zeros((0, 3)),
                           np.array(['a', 'bcd']), np.arange(3, dtype='>i4'),
                           np.array(1.5)], kind=np.dtype('float32'),
                   sizes=torch.Size([1, 2]))
    path = tmp_path / 'x.pth'
    for _ in range(2):  # as well when it was saved again
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        content = back = read_checkpoint(path)
    assert type(back['history']) is HistoryBuffer
    assert back['history'].statistics('mean') == 3
    back['history'].update(7.)
    assert back['history'].data[0].tolist() == [3, 4, 7]
    assert len(back['empty'].data[0]) == 0
    assert back['numbers'] == [.1, 3, True]
    assert [array.tolist() for array in back['arrays']] == [
        [[0, 3], [1, 4], [2, 5]], [], ['a', 'bcd'], [0, 1, 2], 1.5]
    assert np.dtype(back['kind']) == np.float32


def test_openmmlabs_own_is_resumed(trained, tmp_path):
    """mmengine 0.10.7 alone refuses it since torch 2.6."""
    config = toy_config(
        tmp_path, resume=True, load_from=str(trained / 'iter_7.pth'),
        train_cfg=dict(
            type='IterBasedTrainLoop', max_iters=8, val_interval=30))
    resumed = train(config, 'strangers-resumed')
    assert len(resumed.message_hub.get_scalar('train/loss').data[0]) == 8


@pytest.mark.parametrize('where', [('meta', 'config'), ('meta', 'cfg'),
                                   ('message_hub', 'runtime_info', 'cfg')])
@pytest.mark.parametrize('text', [
    'import strangers_module', 'a = print(1)', '_base_ = "a.py"',
    "custom_imports = dict(imports='strangers_module')", 'a = "{{ $A:1 }}"',
    None])
def test_configs_inside_are_not_run(where, text, trained, tmp_path,
                                    monkeypatch):
    """Runner.resume would run meta['config']."""
    path = str(tmp_path / 'x.pth')
    content = read_checkpoint(trained / 'iter_7.pth')
    holder = content
    for key in where[:-1]:
        holder = holder[key]
    holder[where[-1]] = text
    torch.save(content, path)
    (tmp_path / 'strangers_module.py').write_text('')
    monkeypatch.syspath_prepend(str(tmp_path))
    if where == ('meta', 'config'):
        resume(path, tmp_path)
    loaded = CheckpointLoader.load_checkpoint(path)
    for key in where[:-1]:
        loaded = loaded[key]
    assert where[-1] not in loaded
    assert 'strangers_module' not in sys.modules


def test_our_configs_stay(trained):
    loaded = CheckpointLoader.load_checkpoint(str(trained / 'iter_7.pth'))
    assert 'ToyDropoutModel' in loaded['meta']['cfg']
    assert 'ToyDropoutModel' in loaded['message_hub']['runtime_info']['cfg']


def test_safetensors_everywhere(trained, tmp_path):
    weights = read_checkpoint(trained / 'iter_7.pth')['state_dict']
    path = str(tmp_path / 'x.safetensors')
    safetensors.torch.save_file(weights, path)
    runner = Runner.from_cfg(
        toy_config(tmp_path, load_from=path, experiment_name='safetensors'))
    runner.load_or_resume()
    module = BaseModule(dict(type='Pretrained', checkpoint=path))
    module.layer = torch.nn.Linear(3, 4)
    module.init_weights()
    for key, value in weights.items():
        assert torch.equal(runner.model.state_dict()[key], value)
        assert torch.equal(module.state_dict()[key], value)
    (tmp_path / 'x.safetensors').write_bytes(b'no safetensors')
    with pytest.raises(CheckpointError, match='x.safetensors'):
        CheckpointLoader.load_checkpoint(path)


def test_the_way_for_a_file_that_one_trusts(tmp_path, capsys):
    tool = 'model_converters/trusted_to_plain.py'
    source, out = tmp_path / 'x.pth', tmp_path / 'plain.pth'
    torch.save(dict(state_dict=dict(a=torch.ones(1)), args=ast.Module([], [])),
               source)
    with pytest.raises(SystemExit):
        call_tool(tool, source, out)
    assert 'add --trust' in capsys.readouterr().err and not out.exists()
    call_tool(tool, source, out, '--trust')
    assert 'args (Module)' in capsys.readouterr().out
    assert read_checkpoint(out) == dict(state_dict=dict(a=torch.ones(1)))


def test_nothing_else_unpickles():
    """Calls in the sources that could, but for the one that warns."""
    found = []
    for path in [*ROOT.glob('mmteso/**/*.py'), *ROOT.glob('tools/**/*.py'),
                 *ROOT.glob('projects/*/[!t]*/**/*.py')]:
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if not isinstance(node, ast.Call):
                continue
            words = {word.arg: ast.unparse(word.value)
                     for word in node.keywords}
            name = ast.unparse(node.func)
            if name in ('pickle.load', 'pickle.loads', 'pickle.Unpickler',
                        'torch.hub.load_state_dict_from_url',
                        'load_state_dict_from_url', 'mmengine.load',
                        'fileio.load') or (
                            name == 'torch.load'
                            and words.get('weights_only') != 'True'
                        ) or words.get('allow_pickle') == 'True' or words.get(
                            'trust_remote_code') == 'True':
                found.append(path.name)
    assert found == ['trusted_to_plain.py']
