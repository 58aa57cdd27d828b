# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from tiny_hf import write_llama, write_tokenizer

from mmteso.text_cues import ModelUnavailableError
from mmteso.text_cues.hf_loading import HFModelSource
from mmteso.text_cues.hf_models import HFModel, check_generation

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


def test_tokenizer_that_can_make_no_batches(needs_transformers, tmp_path):
    import transformers
    folder = write_llama(str(tmp_path))
    tokenizer = write_tokenizer(folder, pad_token=None)
    tokenizer.eos_token = None
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    with pytest.raises(ModelUnavailableError, match='neither'):
        HFModel('tiny', model, tokenizer)
