# Copyright (c) mmteso contributors. All rights reserved.
"""Reasoning on engines that aren't ours, with models that say noise.

Needs ``transformers[serving]``, and ``xllamacpp`` and ``gguf`` for llama.cpp;
``pytest -m slow -rP tests/text_cues/test_engines.py`` prints what came back.
"""
import contextlib
import json
import os
import socket
import subprocess
import sys
import time

import pytest
import tiny_hf
from processes import free_port

from mmteso.text_cues import Frame
from mmteso.text_cues.answers import validate_answer
from mmteso.text_cues.reasoners import OpenAIReasoner, TransformersReasoner

pytestmark = pytest.mark.slow
transformers = pytest.importorskip('transformers')

NUM_ANSWERS = 200
PROMPT = 'zero_shot_direct'  # a short one
LLAMA_CPP = '''
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_ctx, params.n_parallel, params.port = 8192, 2, 0
params.cpuparams.n_threads, params.n_gpu_layers = 1, 0
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
'''


@contextlib.contextmanager
def running(*command, **kwargs):
    """A program, ended at the end."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=dict(os.environ, HF_HUB_OFFLINE='1'),
        **kwargs)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(port, server):
    for _ in range(600):
        with contextlib.suppress(OSError):
            socket.create_connection(('localhost', port), timeout=1).close()
            return
        assert server.poll() is None, 'the server has ended'
        time.sleep(0.5)


def reason(reasoner, number):
    """What is found out by both turns, for captions that differ."""
    start = time.time()
    found = reasoner.reason(
        [Frame(f'clip{i}', 0, f'{i}.png') for i in range(number)],
        [f'{i} dogs and a man.' for i in range(number)])
    print(f'{reasoner.name}: {time.time() - start:.1f} s for {number}')
    return found


def constrained_answers(reasoner, number):
    """What the second turn answers, checked against the schema."""
    start = time.time()
    replies = reasoner.chat([
        reasoner.prompt.extract(
            reasoner.prompt.conversation(f'{i} dogs and a man.'),
            f'Answer: {i} dogs') for i in range(number)
    ], reasoner.schema)
    names = [validate_answer(reply, reasoner.schema) for reply in replies]
    print(f'{reasoner.name}: {len(names)} of {number} answers keep the '
          f'schema, {len(set(replies))} of them different, '
          f'{sum(map(len, names))} names, {time.time() - start:.1f} s, e.g. '
          f'{max(replies, key=len)}')
    return names


def write_gguf(path, folder):
    """Write a random LLaMA with a folder's byte-level tokenizer as GGUF."""
    gguf = pytest.importorskip('gguf')
    import numpy as np
    with open(f'{folder}/tokenizer.json', encoding='utf-8') as file:
        tokenizer = json.load(file)
    vocab = tokenizer['model']['vocab']
    special = {token['content'] for token in tokenizer['added_tokens']}
    width, hidden, layers = 32, 64, 2
    writer = gguf.GGUFWriter(path, 'llama')
    writer.add_context_length(4096)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(4)
    writer.add_rope_dimension_count(width // 4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model('gpt2')
    writer.add_tokenizer_pre('gpt-2')
    writer.add_token_list(sorted(vocab, key=vocab.get))
    writer.add_token_types([
        gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL
        for token in sorted(vocab, key=vocab.get)
    ])
    merges = tokenizer['model']['merges']
    writer.add_token_merges([' '.join(pair) for pair in merges])
    writer.add_bos_token_id(vocab['<s>'])
    writer.add_eos_token_id(vocab['</s>'])
    writer.add_chat_template(
        "{% for turn in messages %}{{ turn['role'] + ': ' + turn['content'] + "
        "'\\n' }}{% endfor %}{{ 'assistant:' }}")
    shapes = {
        'token_embd': (len(vocab), width),
        'output': (len(vocab), width),
        'output_norm': (width, )
    }
    for i in range(layers):
        for part in ('attn_q', 'attn_k', 'attn_v', 'attn_output'):
            shapes[f'blk.{i}.{part}'] = (width, width)
        shapes.update({
            f'blk.{i}.attn_norm': (width, ),
            f'blk.{i}.ffn_norm': (width, ),
            f'blk.{i}.ffn_gate': (hidden, width),
            f'blk.{i}.ffn_up': (hidden, width),
            f'blk.{i}.ffn_down': (width, hidden)
        })
    random = np.random.default_rng(0)
    for name, shape in shapes.items():
        weight = random.normal(0, 0.5, shape) if shape[1:] else np.ones(shape)
        writer.add_tensor(f'{name}.weight', weight.astype('float32'))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_llama_cpp_keeps_the_schema(tmp_path):
    pytest.importorskip('xllamacpp')
    tiny_hf.write_tokenizer(str(tmp_path))
    write_gguf(str(tmp_path / 'noise.gguf'), str(tmp_path))
    with running(sys.executable, '-c', LLAMA_CPP,
                 str(tmp_path / 'noise.gguf')) as server:
        reasoner = OpenAIReasoner(
            server.stdout.readline().strip(),
            'noise',
            PROMPT,
            temperature=1.)
        names = constrained_answers(reasoner, NUM_ANSWERS)
        found = reason(reasoner, 10)
    assert len(names) == NUM_ANSWERS
    assert any(names) and max(map(len, names)) <= 4
    # through both turns: the noise of the first one is on record
    assert not any(reasoning.error for reasoning in found)
    assert all(reasoning.text for reasoning in found)


def test_local_model_keeps_the_schema(llama, monkeypatch):
    import torch
    pytest.importorskip('llguidance')
    reasoner = TransformersReasoner(
        llama, PROMPT, batch_size=50, generation=dict(max_new_tokens=20))
    # the most likely answer of a random model is the same every time
    constrain = reasoner.model.constrain
    monkeypatch.setattr(
        reasoner.model, 'constrain', lambda schema: dict(
            constrain(schema), do_sample=True, temperature=5., top_k=0))
    torch.manual_seed(0)
    names = constrained_answers(reasoner, NUM_ANSWERS)
    found = reason(reasoner, 10)
    assert len(names) == NUM_ANSWERS
    assert any(names)
    assert not any(reasoning.error for reasoning in found)


def write_parrot(folder, answer):
    """Write a chat model that answers everything with the same text.

    Each token makes the next one most likely, whatever stands before.
    """
    import torch
    tiny_hf.write_llama(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    prompt = tokenizer.apply_chat_template(
        [dict(role='user', content='')], add_generation_prompt=True)
    chain = [
        prompt['input_ids'][-1], *tokenizer(
            answer, add_special_tokens=False)['input_ids'],
        tokenizer.eos_token_id
    ]
    assert len(set(chain)) == len(chain) < model.config.hidden_size
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.zero_()
        model.lm_head.weight.zero_()
        for i, (token, following) in enumerate(zip(chain, chain[1:])):
            model.model.embed_tokens.weight[token, i] = 1
            model.lm_head.weight[following, i] = 1
    model.save_pretrained(folder)


def test_transformers_serve_ignores_the_schema(tmp_path, llama, warned):
    from transformers.utils.import_utils import is_serve_available
    if not is_serve_available():
        pytest.skip('needs transformers[serving]')
    folder, port = str(tmp_path / 'parrot'), str(free_port())
    write_parrot(folder, 'Answer: dogs, a man')

    def build(model):
        return OpenAIReasoner(
            f'http://localhost:{port}',
            model,
            PROMPT,
            max_tokens=20,
            concurrency=2)

    with running(sys.executable, '-m', 'transformers.cli.transformers',
                 'serve', '--port', port, '--device', 'cpu') as server:
        wait_for(port, server)
        parrot = build(folder)
        found = reason(parrot, 4) + reason(parrot, 4)
        assert [reasoning.cues for reasoning in found] == [('dog', 'man')] * 8
        assert len(warned) == 1
        assert 'ignores' in warned[0]
        # what noise says is no cue
        for reasoning in reason(build(llama), 4):
            assert reasoning.error
            assert reasoning.text
    print(warned[0])
