# Copyright (c) mmteso contributors. All rights reserved.
import json

import pytest
import tiny_hf

from mmteso.text_cues.answers import cue_schema, validate_answer
from mmteso.text_cues.constrained import JSONConstraint, longest_answer

pytest.importorskip('llguidance')
transformers = pytest.importorskip('transformers')


def noise_model(tokenizer, ends):
    """A random model, with more tokens than its tokenizer."""
    import torch
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(
        tiny_hf._llama_config(len(tokenizer) + 24))
    model.generation_config = transformers.GenerationConfig(
        eos_token_id=ends, pad_token_id=tokenizer.pad_token_id)
    return model.eval()


def byte_level(folder):
    tokenizer = tiny_hf.write_tokenizer(folder, extra=['<|im_end|>'])
    return tokenizer, [2, tokenizer.convert_tokens_to_ids('<|im_end|>')]


def sentence_piece(folder):
    """Of LLaMA-2's kind: words begin with a mark, bytes for the rest."""
    from tokenizers import Tokenizer, decoders, models, normalizers, trainers
    bpe = Tokenizer(
        models.BPE(unk_token='<unk>', fuse_unk=True, byte_fallback=True))
    bpe.normalizer = normalizers.Sequence(
        [normalizers.Prepend('▁'), normalizers.Replace(' ', '▁')])
    bpe.decoder = decoders.Sequence([decoders.Replace('▁', ' '),
                                     decoders.ByteFallback(), decoders.Fuse(),
                                     decoders.Strip(' ', 1, 0)])
    bpe.train(
        sorted(map(str, tiny_hf.PROMPTS.glob('*.yaml'))), trainers.BpeTrainer(
            vocab_size=900,
            special_tokens=['<unk>', '<s>', '</s>'] + [
                f'<0x{byte:02X}>' for byte in range(256)], max_token_length=12,
            show_progress=False))
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe, unk_token='<unk>', bos_token='<s>',
        eos_token='</s>', pad_token='</s>')
    return tokenizer, 2


@pytest.mark.parametrize('kind', [byte_level, sentence_piece])
def test_noise_keeps_the_schema(tmp_path, kind):
    tokenizer, ends = kind(str(tmp_path))
    model = noise_model(tokenizer, ends)
    tokenizer.padding_side = 'left'
    schema = cue_schema(max_cues=2)
    constraint = JSONConstraint(tokenizer, schema, ends)
    counts = set()
    for call, sample in enumerate((False, True, True)):
        inputs = tokenizer([f'dog{" man" * (i + call)}' for i in range(6)],
                           padding=True, return_tensors='pt')
        inputs.pop('token_type_ids', None)
        output = model.generate(**inputs, do_sample=sample,
                                max_new_tokens=longest_answer(schema),
                                logits_processor=[constraint])
        for text in tokenizer.batch_decode(
                output[:, inputs.input_ids.shape[1]:],
                skip_special_tokens=True):
            counts.add(len(validate_answer(text, schema)))
    assert len(counts) > 1  # texts of a batch end at different steps


def test_the_longest_answer():
    schema = cue_schema()
    text = json.dumps(
        dict(sounding_objects=['d' * 31] * 16), separators=(',', ':'))
    validate_answer(text, schema)
    assert longest_answer(schema) >= len(text) + 1


def test_what_cannot_be_constrained(tmp_path):
    from tokenizers import decoders
    tokenizer, ends = byte_level(str(tmp_path))
    # words as T5 has them, which llguidance doesn't know
    tokenizer.backend_tokenizer.decoder = decoders.Metaspace()
    with pytest.raises(ValueError, match='OpenAIReasoner'):
        JSONConstraint(tokenizer, cue_schema(), ends)
    tokenizer, ends = byte_level(str(tmp_path))
    with pytest.raises(ValueError, match='this JSON schema'):
        JSONConstraint(tokenizer, dict(type='text'), ends)
