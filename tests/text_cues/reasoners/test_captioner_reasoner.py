# Copyright (c) mmteso contributors. All rights reserved.
import threading
import time

import pytest
from PIL import Image
from tiny_hf import write_llava

from mmteso.text_cues import (CAPTIONERS, REASONERS, Frame, LoadedFrame,
                              ModelUnavailableError)

transformers = pytest.importorskip(
    'transformers', reason="needs pip install 'mmteso[text]'")


def build(model, tokens=12, **kwargs):
    options = dict(
        type='CaptionerReasoner',
        model=model,
        prompt='zero_shot_direct',
        generation=dict(max_new_tokens=tokens))
    return REASONERS.build(dict(options, **kwargs))


def build_captioner(model, **kwargs):
    return CAPTIONERS.build(
        dict(
            type='TransformersCaptioner',
            model=model,
            generation=dict(max_new_tokens=12),
            **kwargs))


@pytest.fixture
def loads(monkeypatch):
    """The models that are loaded."""
    calls = []
    auto = transformers.AutoModelForImageTextToText
    load = auto.from_pretrained
    monkeypatch.setattr(
        auto, 'from_pretrained',
        lambda *args, **kwargs: calls.append(args) or load(*args, **kwargs))
    return calls


def test_captioner_and_reasoner_are_one_model(llava, loads):
    captioner, reasoner = build_captioner(llava), build(llava)
    captioner.prepare([])
    reasoner.prepare([])
    assert reasoner.model is captioner.model
    assert len(loads) == 1


def test_with_other_options_they_are_two(llava, loads):
    captioner = build_captioner(llava, dtype='bf16')
    reasoner = build(llava, dtype='fp32')
    assert reasoner.model is not captioner.model
    assert len(loads) == 2


def test_settings_of_one_do_not_reach_the_other(llava):
    captioner = build_captioner(llava)
    frame = LoadedFrame(
        Frame('a', 0, ''), (Image.new('RGB', (30, 30), 'red'), ))
    alone = captioner.caption([frame])
    reasoner = build(llava, tokens=3)
    reasoner.chat([reasoner.prompt.conversation('A dog.')])
    assert captioner.caption([frame]) == alone


def test_it_reads_words_only(llava, spy_generate):
    reasoner = build(llava)
    spied = spy_generate(reasoner.model)
    chat = [
        dict(role='system', content='Be brief.'),
        dict(role='user', content='Hello'),
        dict(role='assistant', content='Yes?'),
        dict(role='user', content='Name the objects.')
    ]
    answer, = reasoner.chat([chat])
    call, = spied.calls
    assert 'pixel_values' not in call
    # LLaVA's template leaves <s> to the tokenizer, and names no system
    assert reasoner.model.tokenizer.decode(call['input_ids'][0]) == (
        '<s>Be brief. USER: Hello ASSISTANT: Yes? USER: Name the objects. '
        'ASSISTANT:')
    assert '<' not in answer[:1] and 'Name the objects' not in answer


def test_an_answer_does_not_depend_on_its_companions(llava):
    reasoner = build(llava)
    chats = [
        reasoner.prompt.conversation(caption)
        for caption in ('A dog.', 'A man plays a guitar on a large stage.')
    ]
    together = reasoner.chat(chats)
    assert together == [reasoner.chat([chat])[0] for chat in chats]
    assert together[0] != together[1]


def test_captioning_and_reasoning_at_the_same_time(llava):
    # as the pipeline does with overlap=True
    captioner, reasoner = build_captioner(llava), build(llava)
    frame = LoadedFrame(
        Frame('a', 0, ''), (Image.new('RGB', (30, 30), 'red'), ))
    chat = reasoner.prompt.conversation('A dog.')
    expected = captioner.caption([frame]), reasoner.chat([chat])
    captions, answers = [], []
    thread = threading.Thread(
        target=lambda: answers.extend(
            reasoner.chat([chat]) for _ in range(10)))
    thread.start()
    captions.extend(captioner.caption([frame]) for _ in range(10))
    thread.join()
    assert captions == [expected[0]] * 10
    assert answers == [expected[1]] * 10


class OneAtATime:
    """A processor or tokenizer that notes if two threads are in it."""

    def __init__(self, spied, state):
        self._spied, self._state = spied, state

    def __getattr__(self, name):
        found = getattr(self._spied, name)
        if name in ('apply_chat_template', 'batch_decode'):
            return lambda *args, **kwargs: self._enter(found, args, kwargs)
        return found

    def __call__(self, *args, **kwargs):
        return self._enter(self._spied, args, kwargs)

    def _enter(self, function, args, kwargs):
        inside, me = self._state['inside'], threading.get_ident()
        inside.append(me)
        self._state['calls'].add((me, getattr(function, '__name__', 'call')))
        time.sleep(.002)  # long enough for the other thread to come
        self._state['met'] |= len(set(inside)) > 1
        try:
            return function(*args, **kwargs)
        finally:
            inside.remove(me)


def test_the_processor_is_used_by_one_thread_at_a_time(llava, monkeypatch):
    captioner, reasoner = build_captioner(llava), build(llava)
    model = reasoner.model
    assert model is captioner.model
    state = dict(inside=[], calls=set(), met=False)
    for name in ('tokenizer', 'processor'):
        monkeypatch.setattr(model, name,
                            OneAtATime(getattr(model, name), state))
    frame = LoadedFrame(
        Frame('a', 0, ''), (Image.new('RGB', (30, 30), 'red'), ))
    chat = reasoner.prompt.conversation('A dog.')
    thread = threading.Thread(
        target=lambda: [reasoner.chat([chat]) for _ in range(8)])
    thread.start()
    for _ in range(8):
        captioner.caption([frame])
    thread.join()
    # both threads: template, inputs, decoding
    assert len(state['calls']) == 6
    assert not state['met']


def test_model_without_chat_template(tmp_path):
    folder = write_llava(str(tmp_path), chat_template=None)
    with pytest.raises(ModelUnavailableError, match='has no chat template'):
        build(folder).prepare([])


def test_model_that_describes_no_images(llama):
    with pytest.raises(ModelUnavailableError, match='of the type "llama"'):
        build(llama).prepare([])
