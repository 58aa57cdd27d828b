# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from tiny_hf import write_llama, write_tokenizer

from mmteso.text_cues import ModelUnavailableError
from mmteso.text_cues.hf_loading import HFModelSource
from mmteso.text_cues.hf_models import (BatchedGeneration, GPUMemoryError,
                                        HFModel, check_generation)

GREEDY = dict(max_new_tokens=6, do_sample=False)


@pytest.fixture
def loaded(llama):
    return HFModelSource('causal-lm', llama).load()


def batch(loaded, *texts):
    return loaded.tokenizer(list(texts), padding=True, return_tensors='pt')


def test_generation_is_greedy_unless_told_otherwise():
    assert check_generation(None, 7) == dict(max_new_tokens=7, do_sample=False)
    assert check_generation(dict(max_new_tokens=3, num_beams=2), 7) == dict(
        max_new_tokens=3, do_sample=False, num_beams=2)


@pytest.mark.parametrize('wrong', [
    dict(max_new_tokens=0),
    dict(num_return_sequences=2),
    dict(return_dict_in_generate=True),
])
def test_generation_that_makes_no_sense(wrong):
    with pytest.raises(ValueError, match='generation'):
        check_generation(wrong, 7)


def test_padding_is_on_the_left_and_pads_with_eos_for_want_of_a_token(loaded):
    # LLaMA-2's tokenizer has no token for it
    assert loaded.tokenizer.pad_token == loaded.tokenizer.eos_token
    mask = batch(loaded, 'a', 'a longer text')['attention_mask']
    assert mask[0].tolist() == sorted(mask[0].tolist())
    assert mask[0, 0] == 0


def test_settings_of_the_checkpoint_are_forgotten(loaded):
    settings = loaded.model.generation_config
    assert not settings.do_sample
    assert settings.temperature in (None, 1.0)
    assert settings.top_p in (None, 1.0)
    assert settings.eos_token_id == 2


def test_only_what_is_new_comes_back(loaded, monkeypatch):
    inputs = batch(loaded, 'group the objects')
    new = batch(loaded, 'a guitar')['input_ids'][:, 1:]
    end = torch.tensor([[loaded.tokenizer.eos_token_id] * 3])
    start = torch.tensor([[loaded.tokenizer.bos_token_id]])
    monkeypatch.setattr(
        loaded.model, 'generate', lambda **_: torch.cat(
            [inputs['input_ids'], start, new, end], dim=1))
    assert loaded.generate(inputs, GREEDY) == ['a guitar']
    # what models give that don't repeat the prompt
    monkeypatch.setattr(loaded.model, 'generate',
                        lambda **_: torch.cat([start, new, end], dim=1))
    assert loaded.generate(inputs, GREEDY) == ['a guitar']


def test_floats_take_the_precision_of_the_model(llama, monkeypatch):
    loaded = HFModelSource('causal-lm', llama, dtype='bf16').load()
    inputs = dict(batch(loaded, 'a'), pixels=torch.ones(1), kept='as it is')
    got = {}
    monkeypatch.setattr(
        loaded.model, 'generate',
        lambda **kwargs: got.update(kwargs) or inputs['input_ids'])
    assert loaded.generate(inputs, GREEDY) == ['']
    assert got['pixels'].dtype == torch.bfloat16
    assert got['input_ids'].dtype == torch.int64
    assert got['kept'] == 'as it is'


def test_padding_on_the_right_is_an_error(loaded):
    inputs = batch(loaded, 'a', 'a longer text')
    inputs = {key: value.flip(1) for key, value in inputs.items()}
    with pytest.raises(RuntimeError, match='pads on the right'):
        loaded.generate(inputs, GREEDY)


def test_out_of_memory_says_what_helps(loaded, monkeypatch):

    def generate(**kwargs):
        raise torch.cuda.OutOfMemoryError('tried to allocate 20 GiB')

    monkeypatch.setattr(loaded.model, 'generate', generate)
    with pytest.raises(ModelUnavailableError) as caught:
        loaded.generate(batch(loaded, 'a', 'b', 'c'), GREEDY)
    message = str(caught.value)
    for part in ('20 GiB', 'batch of 3', 'batch_size', 'load_in_4bit'):
        assert part in message
    assert isinstance(caught.value.__cause__, torch.cuda.OutOfMemoryError)


class SmallGPU:
    """A model's ``generate`` with memory for some inputs only.

    Attributes:
        sizes (list[int]): The batches that it got.
    """

    def __init__(self, model, fits):
        self.sizes, self.fits = [], fits
        self._generate = model.generate

    def __call__(self, **kwargs):
        self.sizes.append(len(kwargs['input_ids']))
        if self.sizes[-1] > self.fits:
            raise torch.cuda.OutOfMemoryError('tried to allocate 20 GiB')
        return self._generate(**kwargs)


@pytest.fixture
def warnings(monkeypatch):
    """What the module logs."""
    found = []
    monkeypatch.setattr('mmteso.text_cues.hf_models.print_log',
                        lambda message, **_: found.append(message))
    return found


TEXTS = [f'{"a dog and " * n}a guitar' for n in range(7)]


def in_batches(batches, loaded, texts=TEXTS):
    return batches(loaded, texts, lambda part: batch(loaded, *part), GREEDY)


@pytest.mark.parametrize('batch_size, fits, sizes', [
    (None, 7, [7]),
    (None, 3, [7, 3, 3, 1]),
    (4, 3, [4, 2, 2, 2, 1]),
    (6, 1, [6, 3, 1, 1, 1, 1, 1, 1, 1]),
])
def test_batches_that_are_too_large_are_split(loaded, monkeypatch, warnings,
                                              batch_size, fits, sizes):
    expected = [loaded.generate(batch(loaded, t), GREEDY)[0] for t in TEXTS]
    assert len(set(expected)) > 3, 'the order would not show'
    gpu = SmallGPU(loaded.model, fits)
    monkeypatch.setattr(loaded.model, 'generate', gpu)
    batches = BatchedGeneration(batch_size)
    assert in_batches(batches, loaded) == expected
    assert gpu.sizes == sizes
    assert len(warnings) == (sizes[0] > fits)
    # what was learnt is kept, and said once
    gpu.sizes.clear()
    assert in_batches(batches, loaded) == expected
    assert max(gpu.sizes) <= fits
    assert len(warnings) <= 1
    assert in_batches(batches, loaded, []) == []


def test_the_warning_says_what_helps(loaded, monkeypatch, warnings):
    monkeypatch.setattr(loaded.model, 'generate', SmallGPU(loaded.model, 3))
    in_batches(BatchedGeneration(), loaded)
    message, = warnings
    for part in ('20 GiB', 'batch of 7', 'batch_size', 'batches of 3'):
        assert part in message


def test_one_input_that_is_too_large_ends_it(loaded, monkeypatch, warnings):
    gpu = SmallGPU(loaded.model, 0)
    monkeypatch.setattr(loaded.model, 'generate', gpu)
    with pytest.raises(GPUMemoryError, match='batch of 1 '):
        in_batches(BatchedGeneration(), loaded)
    assert gpu.sizes == [7, 3, 1]
    assert issubclass(GPUMemoryError, ModelUnavailableError)


def test_other_errors_are_not_retried(loaded, monkeypatch, warnings):
    calls = []

    def generate(**kwargs):
        calls.append(kwargs)
        raise RuntimeError('device-side assert')

    monkeypatch.setattr(loaded.model, 'generate', generate)
    with pytest.raises(RuntimeError, match='device-side'):
        in_batches(BatchedGeneration(), loaded)
    assert len(calls) == 1 and not warnings


def test_tokenizer_that_can_make_no_batches(needs_transformers, tmp_path):
    import transformers
    folder = write_llama(str(tmp_path))
    tokenizer = write_tokenizer(folder, pad_token=None)
    tokenizer.eos_token = None
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    with pytest.raises(ModelUnavailableError, match='neither'):
        HFModel('tiny', model, tokenizer)
