# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from tiny_hf import NO_SYSTEM_TEMPLATE, write_llama

from mmteso.text_cues import (REASONERS, ChatFailure, Frame,
                              ModelUnavailableError)
from mmteso.text_cues.prompt import load_prompt

transformers = pytest.importorskip(
    'transformers', reason="needs pip install 'mmteso[text]'")

CAPTIONS = ('A man plays the guitar on a stage.', 'A dog.',
            'Two children run over a lawn while a bus waits at the traffic '
            'light behind a fence, and nobody looks at the parked bicycles.',
            'An empty room with a sofa.')


def build(model, tokens=12, **kwargs):
    options = dict(
        type='TransformersReasoner',
        model=model,
        prompt='zero_shot_direct',
        generation=dict(max_new_tokens=tokens))
    return REASONERS.build(dict(options, **kwargs))


def user(text):
    return [dict(role='user', content=text)]


def with_system(text):
    return [dict(role='system', content='Be brief.'), *user(text)]


def test_an_answer_does_not_depend_on_its_companions(llama, spy_generate):
    reasoner = build(llama)
    chats = [reasoner.prompt.conversation(caption) for caption in CAPTIONS]
    spied = spy_generate(reasoner.model)
    together = reasoner.chat(chats)
    assert (spied.calls[0]['attention_mask'][:, 0] == 0).any(), 'no padding'
    assert together == [reasoner.chat([chat])[0] for chat in chats]
    assert together[::-1] == reasoner.chat(chats[::-1])
    # and the captions reach the answers
    assert len(set(together)) == 4


def test_answers_are_those_of_transformers_own_way(llama):
    tokenizer = transformers.AutoTokenizer.from_pretrained(llama)
    model = transformers.AutoModelForCausalLM.from_pretrained(llama).eval()
    chat = load_prompt('one_shot_cot').conversation(CAPTIONS[0])
    inputs = tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, return_tensors='pt',
        return_dict=True)
    output = model.generate(
        **inputs, max_new_tokens=12, do_sample=False, temperature=None,
        top_p=None, pad_token_id=2)
    expected = tokenizer.decode(
        output[0, inputs['input_ids'].shape[1]:], skip_special_tokens=True)
    answer, = build(llama, prompt='one_shot_cot').chat([chat])
    assert answer == expected.strip()


def test_what_the_model_reads(llama, spy_generate):
    reasoner = build(llama)
    spied = spy_generate(reasoner.model)
    reasoner.chat([with_system('Hello'), user('Good morning to you')])
    call, = spied.calls
    texts = [
        reasoner.model.tokenizer.decode(ids[mask.bool()])
        for ids, mask in zip(call['input_ids'], call['attention_mask'])
    ]
    # exactly one <s>, the template's
    assert texts == [
        '<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHello [/INST]',
        '<s>[INST] Good morning to you [/INST]'
    ]
    assert not call['do_sample']


def test_new_tokens_are_counted(llama, spy_generate):
    reasoner = build(llama, tokens=3)
    spied = spy_generate(reasoner.model)
    reasoner.chat([user('Hello')])
    asked = spied.calls[0]['input_ids'].shape[1]
    assert 1 <= spied.outputs[0].shape[1] - asked <= 3


def test_batch_size_limits_what_the_model_gets_at_once(llama, spy_generate):
    chats = [user(caption) for caption in CAPTIONS]
    reasoner = build(llama, batch_size=3)
    spied = spy_generate(reasoner.model)
    answers = reasoner.chat(chats)
    assert [len(call['input_ids']) for call in spied.calls] == [3, 1]
    assert answers == build(llama).chat(chats)
    assert reasoner.chat([]) == []


def test_memory_that_is_too_small_for_the_batch(llama, monkeypatch):
    chats = [user(caption) for caption in CAPTIONS]
    reasoner = build(llama)
    expected = reasoner.chat(chats)
    model = reasoner.model.model
    generate, sizes = model.generate, []

    def limited(**kwargs):
        sizes.append(len(kwargs['input_ids']))
        if sizes[-1] > 1:
            raise torch.cuda.OutOfMemoryError('full')
        return generate(**kwargs)

    monkeypatch.setattr(model, 'generate', limited)
    assert reasoner.chat(chats) == expected
    assert sizes == [4, 2, 1, 1, 1, 1]


def test_model_without_system_role(tmp_path):
    reasoner = build(write_llama(str(tmp_path), NO_SYSTEM_TEMPLATE))
    assert reasoner.render(with_system('Hello')) == (
        '<s>user: Be brief.\n\nHello\nassistant:')
    assert reasoner.render(user('Hello')) == '<s>user: Hello\nassistant:'


def test_system_message_that_a_template_drops(llama):
    reasoner = build(
        llama,
        chat_template="{% for turn in messages %}{% if turn['role'] == "
        "'user' %}{{ turn['content'] }}{% endif %}{% endfor %}")
    assert reasoner.render(with_system('Hello')) == 'Be brief.\n\nHello'


def test_variables_of_the_template(llama):
    reasoner = build(
        llama,
        chat_template="{{ messages[0]['content'] }}{{ thinking }}",
        template_kwargs=dict(thinking='off'))
    assert reasoner.render(user('Hello ')) == 'Hello off'


def test_conversation_is_not_changed(tmp_path):
    reasoner = build(write_llama(str(tmp_path), NO_SYSTEM_TEMPLATE))
    chat = with_system('Hello')
    reasoner.chat([chat])
    assert chat == with_system('Hello')


def test_template_that_refuses_the_prompt(llama):
    reasoner = build(
        llama, chat_template="{{ raise_exception('no, thank you') }}")
    with pytest.raises(ModelUnavailableError,
                       match='refuses the prompt "zero_shot_direct": no, tha'):
        reasoner.prepare([])


def test_model_that_was_not_trained_for_chats(tmp_path):
    folder = write_llama(str(tmp_path), chat_template=None)
    with pytest.raises(ModelUnavailableError, match='has no chat template'):
        build(folder).prepare([])
    reasoner = build(folder, chat_template="{{ messages[0]['content'] }}")
    reasoner.prepare([])
    assert len(reasoner.chat([user('Hello')])) == 1


def test_too_long_a_conversation_fails_by_itself(tmp_path):
    folder = write_llama(str(tmp_path), max_position_embeddings=64)
    reasoner = build(folder, tokens=16)
    long, short = user('guitar ' * 200), user('A dog.')
    before, failed, after = reasoner.chat([short, long, short])
    assert before == after == reasoner.chat([short])[0]
    assert isinstance(failed, ChatFailure)
    assert 'longer than the 64 tokens' in failed.error
    found = reasoner.reason([Frame('a', 0, 'a.png')], ['guitar ' * 200])[0]
    assert found.failed and 'longer than' in found.error


@pytest.mark.parametrize('prompt', ['one_shot_cot', 'zero_shot_direct'])
def test_noise_is_never_made_into_something_else(llama, prompt):
    # a random model's answers are failures, or names that it really gave
    reasoner = build(llama, tokens=40, prompt=prompt)
    frames = [Frame('a', i, f'{i}.png') for i in range(len(CAPTIONS))]
    found = reasoner.reason(frames, CAPTIONS)
    assert len(found) == len(frames)
    for reasoning in found:
        assert reasoning.text
        if reasoning.failed:
            # both answers, the second to the stricter instruction
            assert '\n---\n' in reasoning.text
            assert reasoning.cues == ()
        assert len(reasoning.cues) <= 4
        for word in ' '.join(reasoning.cues).split():
            assert word[:3] in reasoning.text.lower()
    assert found == reasoner.reason(frames, CAPTIONS)


def test_a_model_that_says_nothing_has_failed(llama, monkeypatch):
    reasoner = build(llama)
    end = reasoner.model.tokenizer.eos_token_id
    monkeypatch.setattr(
        reasoner.model.model, 'generate', lambda input_ids, **_: torch.cat(
            [input_ids, torch.full_like(input_ids[:, :1], end)], dim=1))
    found = reasoner.reason([Frame('a', 0, '')], CAPTIONS[:1])[0]
    assert found.failed and found.cues == () and found.text == ''


def test_what_the_cue_file_says_of_it(llama):
    reasoner = build(llama, name='Tiny')
    assert reasoner.name == 'Tiny'
    assert reasoner.prompt_name == 'zero_shot_direct'
    assert reasoner.prompt_hash == load_prompt('zero_shot_direct').hash
    assert reasoner.needs_caption


def test_nonsense_is_refused(llama):
    with pytest.raises(ValueError, match='batch_size'):
        build(llama, batch_size=0)
    with pytest.raises(ValueError, match='num_cues'):
        build(llama, num_cues=0)
    with pytest.raises(TypeError, match='no_such_option'):
        build(llama, no_such_option=1)


@pytest.mark.gpu
@pytest.mark.parametrize('dtype', ['fp32', 'bf16', 'fp16'])
def test_on_a_gpu(llama, dtype):
    reasoner = build(llama, dtype=dtype)
    chats = [user(caption) for caption in CAPTIONS]
    assert reasoner.model.model.device.type == 'cuda'
    assert reasoner.model.model.dtype == dict(
        fp32=torch.float32, bf16=torch.bfloat16, fp16=torch.float16)[dtype]
    assert reasoner.chat(chats) == reasoner.chat(chats)
