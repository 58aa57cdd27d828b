# Copyright (c) mmteso contributors. All rights reserved.
import gc
import importlib.util
import json
import logging
import os
import shutil

import pytest
import torch
from tiny_hf import write_llama

from mmteso.text_cues import ModelUnavailableError, hf_loading
from mmteso.text_cues.hf_loading import HFModelSource, default_device

transformers = pytest.importorskip(
    'transformers', reason="needs pip install 'mmteso[text]'")


def source(model, kind='causal-lm', **kwargs):
    return HFModelSource(kind, model, **kwargs)


@pytest.fixture
def copy_of(tmp_path):
    """Copies a model's folder, to be broken."""

    def copy(folder):
        return shutil.copytree(folder, tmp_path / 'copy')

    return copy


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)


def edit_json(path, **values):
    path.write_text(json.dumps(dict(json.loads(path.read_text()), **values)))


@pytest.mark.parametrize('count, rank, expected', [
    (8, None, 'cuda:0'),
    (8, '3', 'cuda:3'),
    (1, '3', 'cuda:0'),
    (0, '3', 'cpu'),
])
def test_torchrun_gives_each_process_its_gpu(monkeypatch, count, rank,
                                             expected):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: count > 0)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: count)
    monkeypatch.delenv('LOCAL_RANK', raising=False)
    if rank is not None:
        monkeypatch.setenv('LOCAL_RANK', rank)
    assert default_device() == expected


@pytest.mark.parametrize('model, options, name', [
    ('org/model', {}, 'org/model'),
    ('org/model', dict(revision='abc'), 'org/model@abc'),
    ('org/model', dict(quantization=dict(load_in_4bit=True)),
     'org/model (4 bits)'),
    ('org/model', dict(name='mine'), 'mine'),
])
def test_name_says_what_the_answers_depend_on(model, options, name):
    assert source(model, **options).name == name


def test_name_of_a_local_folder_is_no_path(llama):
    assert source(llama + os.sep).name == 'llama'


def test_unknown_dtype_and_kind():
    with pytest.raises(ValueError, match="'int8'"):
        source('org/model', dtype='int8')
    with pytest.raises(ValueError, match="'speech'"):
        source('org/model', kind='speech')


def test_equal_sources_share_one_model(llama, monkeypatch):
    calls = []
    auto = transformers.AutoModelForCausalLM
    load = auto.from_pretrained
    monkeypatch.setattr(
        auto, 'from_pretrained',
        lambda *args, **kwargs: calls.append(args) or load(*args, **kwargs))
    first = source(llama, dtype='fp32').load()
    # another way of writing the same folder and precision
    second = source(os.path.join(llama, '.'), dtype='float32').load()
    assert first is second
    assert len(calls) == 1
    del first, second
    gc.collect()
    source(llama, dtype='fp32').load()
    assert len(calls) == 2, 'nobody used it any more, but it was kept'


def test_other_options_are_another_model_and_said_so(llama, monkeypatch):
    said = []
    monkeypatch.setattr(hf_loading, 'print_log',
                        lambda text, **kwargs: said.append((text, kwargs)))
    first = source(llama).load()
    second = source(llama, dtype='bfloat16').load()
    assert first is not second
    assert (first.model.dtype, second.model.dtype) == (torch.float32,
                                                       torch.bfloat16)
    (text, options), = said
    assert '"llama" is loaded a second time' in text
    assert options['level'] == logging.WARNING


def test_auto_is_float32_on_the_cpu(tmp_path):
    folder = write_llama(str(tmp_path))
    half = transformers.AutoModelForCausalLM.from_pretrained(folder).half()
    half.save_pretrained(folder)
    loaded = source(folder, device='cpu').load()
    assert loaded.model.dtype == torch.float32
    assert not loaded.model.training


def test_model_kwargs_reach_the_model(llama):
    loaded = source(
        llama, model_kwargs=dict(attn_implementation='eager')).load()
    assert loaded.model.config._attn_implementation == 'eager'


def test_processor_kwargs_reach_the_tokenizer(llama):
    loaded = source(llama, processor_kwargs=dict(model_max_length=77)).load()
    assert loaded.tokenizer.model_max_length == 77


def test_missing_folder(tmp_path):
    with pytest.raises(ModelUnavailableError, match='nothing" does not exist'):
        source(str(tmp_path / 'nothing')).load()


def test_model_that_is_neither_here_nor_to_be_had(offline):
    with pytest.raises(ModelUnavailableError) as caught:
        source('no-such-org/no-such-model').load()
    message = str(caught.value)
    assert 'hf download no-such-org/no-such-model' in message
    assert 'local folder' in message and 'HF_HOME' in message
    # no dozens of calls of transformers above it
    assert caught.value.__suppress_context__


def test_model_of_another_kind(llama, llava):
    with pytest.raises(ModelUnavailableError, match='of the type "llama"'):
        source(llama, 'image-text').load()
    with pytest.raises(ModelUnavailableError, match='of the type "llava"'):
        source(llava).load()


def test_truncated_weights(llama, copy_of):
    folder = copy_of(llama)
    with open(folder / 'model.safetensors', 'r+b') as file:
        file.truncate(50000)
    with pytest.raises(ModelUnavailableError, match='not fully covered'):
        source(folder).load()


def test_no_weights(llama, copy_of):
    folder = copy_of(llama)
    (folder / 'model.safetensors').unlink()
    with pytest.raises(ModelUnavailableError, match='model.safetensors'):
        source(folder).load()


def test_weights_that_lack_parameters_are_not_made_up(llama, copy_of):
    folder = copy_of(llama)
    edit_json(folder / 'config.json', num_hidden_layers=3)
    with pytest.raises(ModelUnavailableError,
                       match=r'lack 9 parameters of LlamaForCausalLM, e\.g\. '
                       r'model\.layers\.2'):
        source(folder).load()


def test_long_reasons_are_cut(llama, copy_of):
    folder = copy_of(llama)
    edit_json(folder / 'config.json', model_type='x' * 1000)
    with pytest.raises(ModelUnavailableError) as caught:
        source(folder).load()
    assert len(str(caught.value)) < 600


def test_gpu_that_is_not_there(llama, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ModelUnavailableError, match='finds no GPU'):
        source(llama, device='cuda:0').load()


@pytest.mark.parametrize('package, options', [
    ('bitsandbytes', dict(quantization=dict(load_in_4bit=True))),
    ('accelerate', dict(device_map='auto')),
])
def test_package_that_is_not_installed(llama, monkeypatch, package, options):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, 'find_spec', lambda name, *args: None
        if name == package else find(name, *args))
    with pytest.raises(ImportError, match=f'pip install {package}'):
        source(llama, **options).load()


def test_without_transformers(llama, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'transformers', None)
    with pytest.raises(ImportError, match=r"pip install 'mmteso\[text\]'"):
        source(llama).load()


def test_quantization_is_what_transformers_gets(llama, monkeypatch):
    # 4 bits themselves need a GPU and bitsandbytes
    find, got = importlib.util.find_spec, {}

    def from_pretrained(model, **kwargs):
        got.update(kwargs)
        raise RuntimeError('seen')

    monkeypatch.setattr(
        importlib.util, 'find_spec', lambda name, *args: object()
        if name == 'bitsandbytes' else find(name, *args))
    monkeypatch.setattr(transformers.AutoModelForCausalLM, 'from_pretrained',
                        from_pretrained)
    with pytest.raises(ModelUnavailableError, match='seen'):
        source(
            llama,
            quantization=dict(
                load_in_4bit=True, bnb_4bit_compute_dtype='bfloat16')).load()
    config = got['quantization_config']
    assert isinstance(config, transformers.BitsAndBytesConfig)
    assert config.load_in_4bit
    assert config.bnb_4bit_compute_dtype == torch.bfloat16


@pytest.mark.parametrize('error, advice', [
    (torch.cuda.OutOfMemoryError('full'), 'load_in_4bit'),
    (OSError('You are trying to access a gated repo.'), 'hf auth login'),
    (ImportError('X requires the Torchvision library'), 'belongs to torch'),
])
def test_advice(llama, monkeypatch, error, advice):

    def from_pretrained(model, **kwargs):
        raise error

    monkeypatch.setattr(transformers.AutoModelForCausalLM, 'from_pretrained',
                        from_pretrained)
    with pytest.raises(ModelUnavailableError, match=advice) as caught:
        source(llama).load()
    assert str(error) in str(caught.value)


@pytest.mark.gpu
def test_on_a_gpu_a_model_keeps_its_own_precision(llama):
    loaded = source(llama).load()
    assert loaded.model.device.type == 'cuda'
    assert loaded.model.dtype == torch.float32
    half = source(llama, dtype='bf16').load()
    assert half.model.dtype == torch.bfloat16
