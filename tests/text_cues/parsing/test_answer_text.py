# Copyright (c) mmteso contributors. All rights reserved.
import pytest

from mmteso.text_cues.parsing.answer_text import CueParseError, answer_text


def text_of(output):
    return ' '.join(answer_text(output).split())


@pytest.mark.parametrize('output, text', [
    ('dog', 'dog'),
    ('ｄｏｇ，ｃａｔ；ｐｉｇ：ｈｅｎ', 'dog,cat;pig:hen'),
    ('「a」、《b》。', '"a","b".'),
    ('“a” ‘b’ «c»', '"a" \'b\' "c"'),
    ('a–b — c', 'a-b - c'),
    ('a\u200bb\xadc\ufeff', 'abc'),
    ('a → b => c', 'a : b : c'),
    ('**a** __b__ `c` ~~d~~', 'a b c d'),
    ('### a\n> b', 'a b'),
    ('```json\n[1]\n```', '[1]'),
    ('<b>a</b> &amp; &lt;c&gt; &notin', 'a & <c> &notin'),
    (r'$\boxed{\text{a}}$', '$ a}}$'),
    ('<answer>a</answer>b', 'Answer: a b'),
    ('<s>a<pad>b<|reserved_0|>c', 'a b c'),
])
def test_characters_and_markup(output, text):
    assert text_of(output) == text


@pytest.mark.parametrize('output, text', [
    ('<think>a</think>b', 'b'),
    ('a</think>b', 'b'),
    ('<think>a</think>b<think>c</think>d', 'b d'),
    ('<THINK>a</THINK>b', 'b'),
    ('a<think>b', 'a'),
    ('<think><think>a</think>b', 'b'),
])
def test_reasoning_blocks(output, text):
    assert text_of(output) == text


@pytest.mark.parametrize('output, text', [
    ('a</s>b', 'a'),
    ('</s></s>a</s>b', 'a'),
    ('a<|im_end|>\n<|im_start|>user\nb', 'a'),
    ('<|im_start|>assistant\na<|im_end|>', 'a'),
    ('a<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nb', 'a'),
    ('a<end_of_turn>\n<start_of_turn>user\nb', 'a'),
    ('<|assistant|>\na<|end|>\n<|user|>\nb', 'a'),
    ('[INST] b [/INST] a [INST] c', 'a'),
    ('[INST] <<SYS>>x<</SYS>> b [/INST] a', 'a'),
    ('a\nUSER: b\nASSISTANT: c', 'a'),
    ('USER: b\nASSISTANT: a', 'a'),
    ('**Assistant:** a', 'a'),
    ('a\n### Human: b', 'a'),
    ('### Response: a', 'a'),
    ('the user: a', 'the user: a'),
])
def test_turns(output, text):
    assert text_of(output) == text


@pytest.mark.parametrize('output, message', [
    ('', 'empty'),
    (' \n', 'empty'),
    ('<s></s>', 'empty'),
    ('****', 'empty'),
    ('<think>a', 'ends within its reasoning'),
    ('<think>a</think>', 'empty'),
    ('[INST] b [/INST]', 'with 0 answers in it'),
    ('[INST] b [/INST] a [INST] c [/INST] d', 'with 2 answers in it'),
])
def test_outputs_without_an_answer(output, message):
    with pytest.raises(CueParseError, match=message):
        answer_text(output)


def test_of_a_long_text_both_ends_count():
    lines = [f'line {i}' for i in range(10_000)]
    found = answer_text('\n'.join(lines)).split('\n')
    assert len('\n'.join(found)) <= 10_000
    assert found[:500] == lines[:500]
    assert found[-400:] == lines[-400:]
    # whole lines only
    assert set(found) - {''} <= set(lines)
