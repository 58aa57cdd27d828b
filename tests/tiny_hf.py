# Copyright (c) mmteso contributors. All rights reserved.
"""Small random models of transformers, in the layout of the real ones.

``python tests/tiny_hf.py FOLDER`` writes ``FOLDER/llava`` and
``FOLDER/video-llava`` (captioners) and ``FOLDER/llama`` (reasoner), which cue
generation loads as it loads the real models; what they say is noise.
"""
import argparse
import json
import os
from pathlib import Path
from typing import Optional, Sequence

#: What the tokenizers learn their words from; other text is spelled in bytes.
PROMPTS = Path(__file__).parents[1] / 'mmteso' / 'text_cues' / 'prompts'

#: What LLaMA-2's chat template does: its own <s>, the system text in the
#: first turn of the user, an error if the roles don't alternate.
LLAMA_TEMPLATE = (
    "{% if messages[0]['role'] == 'system' %}"
    "{% set system = messages[0]['content'] %}{% set turns = messages[1:] %}"
    "{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}"
    '{% for turn in turns %}'
    "{% if (turn['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if turn['role'] == 'user' %}{{ bos_token + '[INST] ' }}"
    "{% if loop.first and system %}"
    "{{ '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' }}{% endif %}"
    "{{ turn['content'].strip() + ' [/INST]' }}"
    "{% else %}{{ ' ' + turn['content'].strip() + ' ' + eos_token }}"
    '{% endif %}{% endfor %}')
#: Contents are lists of parts, pictures come first, and no <s>.
LLAVA_TEMPLATE = (
    "{% for turn in messages %}{% if turn['role'] != 'system' %}"
    "{{ turn['role'].upper() + ': ' }}{% endif %}"
    "{% for part in turn['content'] %}{% if part['type'] == 'image' %}"
    "{{ '<image>\\n' }}{% elif part['type'] == 'video' %}"
    "{{ '<video>\\n' }}{% endif %}{% endfor %}"
    "{% for part in turn['content'] %}{% if part['type'] == 'text' %}"
    "{{ part['text'] + ' ' }}{% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}")

IMAGE_SIZE, PATCH_SIZE = 28, 14


def write_json(folder, name: str, content: dict) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    Path(folder, name).write_text(json.dumps(content), encoding='utf-8')


def write_tokenizer(folder: str, chat_template: Optional[str] = None,
                    pad_token: Optional[str] = '<pad>',
                    extra: Sequence[str] = ()):
    """Train a byte-level BPE that starts texts with <s>, and save it.

    Args:
        folder (str): Where.
        chat_template (str, optional): Its chat template.
        pad_token (str, optional): None for none, as LLaMA-2's.
        extra (Sequence[str]): More special tokens.

    Returns:
        PreTrainedTokenizerFast: The tokenizer.
    """
    from tokenizers import (Tokenizer, decoders, models, pre_tokenizers,
                            processors, trainers)
    from transformers import PreTrainedTokenizerFast
    special = ['<unk>', '<s>', '</s>', *([pad_token] if pad_token else []),
               *extra]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train(
        sorted(map(str, PROMPTS.glob('*.yaml'))), trainers.BpeTrainer(
            vocab_size=1000, special_tokens=special, show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    bpe.post_processor = processors.TemplateProcessing(
        single='<s> $A', pair='<s> $A <s> $B',
        special_tokens=[('<s>', bpe.token_to_id('<s>'))])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, unk_token='<unk>', bos_token='<s>',
        eos_token='</s>', pad_token=pad_token,
        additional_special_tokens=list(extra),
        model_input_names=['input_ids', 'attention_mask'],
        model_max_length=4096)
    tokenizer.chat_template = chat_template
    os.makedirs(folder, exist_ok=True)
    tokenizer.save_pretrained(folder)
    return tokenizer


def widen(model, scale: float = 0.3, seed: int = 0):
    """Give a model weights so wide that each shows in the output, in place."""
    import torch
    rng = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if parameter.ndim > 0:
            noise = scale * torch.randn(parameter.shape, generator=rng)
            norm = 'norm' in name.lower() and name.endswith('weight')
            parameter.data.copy_(noise + norm)
    return model


def _llama_config(vocab_size: int):
    from transformers import LlamaConfig

    # wide weights, so that different inputs give visibly different outputs
    return LlamaConfig(vocab_size=vocab_size, hidden_size=32,
                       intermediate_size=64, num_hidden_layers=2,
                       num_attention_heads=4, num_key_value_heads=2,
                       max_position_embeddings=4096, initializer_range=0.5,
                       bos_token_id=1, eos_token_id=2)


def _save(model, folder: str, **ids) -> None:
    """Save a model with the generation config that checkpoints come with."""
    from transformers import GenerationConfig

    # sampling by default, as LLaMA-2's file has it
    model.generation_config = GenerationConfig(
        bos_token_id=1, eos_token_id=2, do_sample=True, temperature=0.6,
        top_p=0.9, **ids)
    model.save_pretrained(folder)


def write_llama(folder: str) -> str:
    """Write a LLaMA of two layers with random weights; the folder."""
    import torch
    from transformers import LlamaForCausalLM
    tokenizer = write_tokenizer(folder, LLAMA_TEMPLATE, pad_token=None)
    torch.manual_seed(0)
    _save(LlamaForCausalLM(_llama_config(len(tokenizer))), folder)
    return folder


def _write_vlm(folder: str, kind: str, tokens: Sequence[str], settings: dict,
               **image_processor) -> str:
    """CLIP and LLaMA of two layers, under a class of transformers.

    Args:
        folder (str): Where.
        kind (str): 'Llava' or 'LlavaNextVideo'.
        tokens (Sequence[str]): '<image>' and, of a video model, '<video>'.
        settings (dict): Of the model's config.
        **image_processor: Of its image processor.
    """
    import torch
    import transformers
    tokenizer = write_tokenizer(folder, extra=tokens)
    vision = transformers.CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, projection_dim=32,
        num_hidden_layers=2, num_attention_heads=2, image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE, initializer_range=0.5)
    config = getattr(transformers, f'{kind}Config')(
        vision_config=vision, text_config=_llama_config(len(tokenizer)),
        vision_feature_layer=-2, vision_feature_select_strategy='default',
        **{f'{token[1:-1]}_token_index': tokenizer.convert_tokens_to_ids(token)
           for token in tokens}, **settings)
    torch.manual_seed(0)
    model = getattr(transformers, f'{kind}ForConditionalGeneration')(config)
    images = dict(crop_size=dict(height=IMAGE_SIZE, width=IMAGE_SIZE),
                  do_center_crop=True, do_convert_rgb=True, do_normalize=True,
                  do_rescale=True, do_resize=True,
                  image_mean=[0.48145466, 0.4578275, 0.40821073],
                  image_std=[0.26862954, 0.26130258, 0.27577711],
                  processor_class=f'{kind}Processor', resample=3,
                  rescale_factor=1 / 255, size=dict(shortest_edge=IMAGE_SIZE))
    write_json(folder, 'preprocessor_config.json',
               dict(images, **image_processor))
    if '<video>' in tokens:
        write_json(folder, 'video_preprocessor_config.json',
                   dict(images, video_processor_type=f'{kind}VideoProcessor'))
    write_json(folder, 'processor_config.json',
               dict(processor_class=f'{kind}Processor', image_token='<image>',
                    patch_size=PATCH_SIZE, num_additional_image_tokens=1,
                    vision_feature_select_strategy='default'))
    write_json(folder, 'chat_template.json',
               dict(chat_template=LLAVA_TEMPLATE))
    _save(model, folder, pad_token_id=tokenizer.pad_token_id)
    return folder


def write_llava(folder: str) -> str:
    """Write a LLaVA-1.5 of two layers with random weights; the folder."""
    return _write_vlm(folder, 'Llava', ['<image>'],
                      dict(pad_token_id=3,
                           image_seq_length=(IMAGE_SIZE // PATCH_SIZE)**2),
                      image_processor_type='CLIPImageProcessor')


def write_video_llava(folder: str) -> str:
    """Write a LLaVA-NeXT-Video likewise; the folder."""
    pinpoints = [[IMAGE_SIZE, 2 * IMAGE_SIZE]]
    return _write_vlm(folder, 'LlavaNextVideo', ['<image>', '<video>'],
                      dict(image_grid_pinpoints=pinpoints),
                      image_processor_type='LlavaNextImageProcessor',
                      image_grid_pinpoints=pinpoints)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder')
    folder = parser.parse_args().folder
    print(write_llava(os.path.join(folder, 'llava')))
    print(write_video_llava(os.path.join(folder, 'video-llava')))
    print(write_llama(os.path.join(folder, 'llama')))


if __name__ == '__main__':
    main()
