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


def _write_json(folder: str, name: str, content: dict) -> None:
    with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
        json.dump(content, file, indent=2)


def write_tokenizer(folder: str,
                    chat_template: Optional[str] = None,
                    pad_token: Optional[str] = '<pad>',
                    extra: Sequence[str] = ()):
    """Train a byte-level BPE that starts texts with <s>, and save it.

    Args:
        folder (str): Where.
        chat_template (str, optional): Its chat template. Defaults to None.
        pad_token (str, optional): None for none, as LLaMA-2's. Defaults to
            '<pad>'.
        extra (Sequence[str]): More special tokens. Defaults to ().

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
        sorted(map(str, PROMPTS.glob('*.yaml'))),
        trainers.BpeTrainer(
            vocab_size=1000,
            special_tokens=special,
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    bpe.post_processor = processors.TemplateProcessing(
        single='<s> $A',
        pair='<s> $A <s> $B',
        special_tokens=[('<s>', bpe.token_to_id('<s>'))])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        unk_token='<unk>',
        bos_token='<s>',
        eos_token='</s>',
        pad_token=pad_token,
        additional_special_tokens=list(extra),
        model_input_names=['input_ids', 'attention_mask'],
        model_max_length=4096)
    tokenizer.chat_template = chat_template
    os.makedirs(folder, exist_ok=True)
    tokenizer.save_pretrained(folder)
    return tokenizer


def _llama_config(vocab_size: int, **kwargs):
    from transformers import LlamaConfig

    # wide weights, so that different inputs give visibly different outputs
    settings = dict(
        vocab_size=vocab_size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        initializer_range=0.5,
        bos_token_id=1,
        eos_token_id=2)
    return LlamaConfig(**{**settings, **kwargs})


def _save(model, folder: str, generation: Optional[dict], **ids) -> None:
    """Save a model with the generation config that checkpoints come with."""
    from transformers import GenerationConfig

    # sampling by default, as LLaMA-2's file has it
    settings = dict(do_sample=True, temperature=0.6, top_p=0.9)
    settings.update(generation or {})
    model.generation_config = GenerationConfig(**ids, **settings)
    model.save_pretrained(folder)


def write_llama(folder: str,
                chat_template: Optional[str] = LLAMA_TEMPLATE,
                pad_token: Optional[str] = None,
                generation: Optional[dict] = None,
                seed: int = 0,
                **config) -> str:
    """Write a LLaMA of two layers with random weights.

    Args:
        folder (str): Where.
        chat_template (str, optional): Its chat template. Defaults to one
            like LLaMA-2's.
        pad_token (str, optional): Defaults to None: LLaMA-2 has none.
        generation (dict, optional): For generation_config.json. Defaults to
            None.
        seed (int): For the weights. Defaults to 0.
        **config: For ``LlamaConfig``.

    Returns:
        str: The folder.
    """
    import torch
    from transformers import LlamaForCausalLM
    tokenizer = write_tokenizer(folder, chat_template, pad_token)
    torch.manual_seed(seed)
    model = LlamaForCausalLM(_llama_config(len(tokenizer), **config))
    _save(model, folder, generation, bos_token_id=1, eos_token_id=2)
    return folder


def _vision_config():
    from transformers import CLIPVisionConfig
    return CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        projection_dim=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE,
        initializer_range=0.5)


def _image_settings() -> dict:
    return dict(
        crop_size=dict(height=IMAGE_SIZE, width=IMAGE_SIZE),
        do_center_crop=True,
        do_convert_rgb=True,
        do_normalize=True,
        do_rescale=True,
        do_resize=True,
        image_mean=[0.48145466, 0.4578275, 0.40821073],
        image_std=[0.26862954, 0.26130258, 0.27577711],
        resample=3,
        rescale_factor=1 / 255,
        size=dict(shortest_edge=IMAGE_SIZE))


def _write_vlm(folder: str, tokenizer, chat_template: Optional[str],
               generation: Optional[dict], model, processor: str,
               image_processor: dict) -> str:
    _write_json(
        folder, 'preprocessor_config.json',
        dict(
            _image_settings(), processor_class=processor, **image_processor))
    _write_json(
        folder, 'processor_config.json',
        dict(
            processor_class=processor,
            image_token='<image>',
            patch_size=PATCH_SIZE,
            num_additional_image_tokens=1,
            vision_feature_select_strategy='default'))
    if chat_template:
        _write_json(folder, 'chat_template.json',
                    dict(chat_template=chat_template))
    _save(
        model,
        folder,
        generation,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=tokenizer.pad_token_id)
    return folder


def write_llava(folder: str,
                chat_template: Optional[str] = LLAVA_TEMPLATE,
                generation: Optional[dict] = None,
                seed: int = 0) -> str:
    """Write a LLaVA-1.5 (CLIP and LLaMA of two layers) with random weights.

    Args:
        folder (str): Where.
        chat_template (str, optional): Its chat template. Defaults to one
            like that of llava-hf's models.
        generation (dict, optional): For generation_config.json. Defaults to
            None.
        seed (int): For the weights. Defaults to 0.

    Returns:
        str: The folder.
    """
    import torch
    from transformers import LlavaConfig, LlavaForConditionalGeneration
    tokenizer = write_tokenizer(folder, None, extra=['<image>'])
    torch.manual_seed(seed)
    model = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=_vision_config(),
            text_config=_llama_config(len(tokenizer)),
            image_token_index=tokenizer.convert_tokens_to_ids('<image>'),
            pad_token_id=tokenizer.pad_token_id,
            vision_feature_layer=-2,
            vision_feature_select_strategy='default',
            image_seq_length=(IMAGE_SIZE // PATCH_SIZE)**2))
    return _write_vlm(folder, tokenizer, chat_template, generation, model,
                      'LlavaProcessor',
                      dict(image_processor_type='CLIPImageProcessor'))


def write_video_llava(folder: str,
                      chat_template: Optional[str] = LLAVA_TEMPLATE,
                      generation: Optional[dict] = None,
                      seed: int = 0) -> str:
    """Write a LLaVA-NeXT-Video of two layers with random weights.

    Args:
        folder (str): Where.
        chat_template (str, optional): Its chat template. Defaults to one
            like that of llava-hf's models.
        generation (dict, optional): For generation_config.json. Defaults to
            None.
        seed (int): For the weights. Defaults to 0.

    Returns:
        str: The folder.
    """
    import torch
    from transformers import (LlavaNextVideoConfig,
                              LlavaNextVideoForConditionalGeneration)
    tokenizer = write_tokenizer(folder, None, extra=['<image>', '<video>'])
    _write_json(
        folder, 'video_preprocessor_config.json',
        dict(
            _image_settings(),
            processor_class='LlavaNextVideoProcessor',
            video_processor_type='LlavaNextVideoVideoProcessor'))
    torch.manual_seed(seed)
    pinpoints = [[IMAGE_SIZE, 2 * IMAGE_SIZE]]
    model = LlavaNextVideoForConditionalGeneration(
        LlavaNextVideoConfig(
            vision_config=_vision_config(),
            text_config=_llama_config(len(tokenizer)),
            image_token_index=tokenizer.convert_tokens_to_ids('<image>'),
            video_token_index=tokenizer.convert_tokens_to_ids('<video>'),
            image_grid_pinpoints=pinpoints,
            vision_feature_layer=-2,
            vision_feature_select_strategy='default'))
    return _write_vlm(
        folder, tokenizer, chat_template, generation, model,
        'LlavaNextVideoProcessor',
        dict(
            image_processor_type='LlavaNextImageProcessor',
            image_grid_pinpoints=pinpoints))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder')
    folder = parser.parse_args().folder
    print(write_llava(os.path.join(folder, 'llava')))
    print(write_video_llava(os.path.join(folder, 'video-llava')))
    print(write_llama(os.path.join(folder, 'llama')))


if __name__ == '__main__':
    main()
