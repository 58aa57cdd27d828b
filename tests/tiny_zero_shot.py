# Copyright (c) mmteso contributors. All rights reserved.
"""Small random models for zero-shot segmentation, in the real file formats:
weights as safetensors, tokenizers and processors in the files of the hub."""
import math
from pathlib import Path

import numpy as np
import torch
from tiny_hf import widen, write_json
from tokenizers.pre_tokenizers import ByteLevel

from mmteso.datasets.transforms import AudioToModelInput

RATE = 48000
_BYTES = sorted(ByteLevel.alphabet())


def _write_processor(folder, **settings) -> None:
    """The file of an image processor, with what most of them have."""
    common = dict(do_normalize=True, do_rescale=True, do_resize=True,
                  image_mean=[0.485, 0.456, 0.406],
                  image_std=[0.229, 0.224, 0.225], resample=2,
                  rescale_factor=1 / 255)
    write_json(folder, 'preprocessor_config.json', dict(common, **settings))


def _write_bpe(folder, kind: str, vocab: list, length: int, **special) -> int:
    """Files of a byte-level BPE without merges; the size of its vocabulary."""
    write_json(folder, 'vocab.json', {word: i for i, word in enumerate(vocab)})
    Path(folder, 'merges.txt').write_text('#version: 0.2\n')
    write_json(folder, 'tokenizer_config.json',
               dict(tokenizer_class=kind, model_max_length=length, **special))
    return len(vocab)


def write_clip_tokenizer(folder, length: int) -> dict:
    """A CLIP tokenizer; the fields of a config that fit."""
    ends = ['<|startoftext|>', '<|endoftext|>']
    size = _write_bpe(folder, 'CLIPTokenizer',
                      [*_BYTES, *(f'{byte}</w>' for byte in _BYTES), *ends],
                      length, pad_token=ends[1], bos_token=ends[0],
                      eos_token=ends[1], unk_token=ends[1])
    return dict(vocab_size=size, bos_token_id=size - 2, eos_token_id=size - 1,
                pad_token_id=size - 1, max_position_embeddings=length)


def write_clap(folder) -> str:
    """A CLAP with both towers and a tokenizer, that hears 2 s at 48 kHz."""
    import tiny_audio
    from transformers import ClapModel
    tiny_audio.write_clap(folder)
    ends = ['<s>', '<pad>', '</s>', '<unk>']
    size = _write_bpe(folder, 'RobertaTokenizer',
                      [*ends, *_BYTES, '<mask>'], 80)
    config = ClapModel.config_class.from_pretrained(folder)
    for key, value in dict(
            vocab_size=size, hidden_size=32, num_attention_heads=4,
            max_position_embeddings=96).items():
        setattr(config.text_config, key, value)
    torch.manual_seed(0)
    model = ClapModel(config)
    widen(model.text_model, 0.2)
    with torch.no_grad():
        model.logit_scale_a.fill_(math.log(5))
    model.save_pretrained(folder)
    return str(folder)


def wave(kind: str) -> np.ndarray:
    """A second at 48 kHz: 'mute', 'noise', or one tone each for a 'dog' and a
    'flute', or 'both'."""
    time = np.arange(RATE) / RATE
    if kind == 'noise':
        return np.random.default_rng(0).normal(0, .1, RATE).astype('float32')
    tones = dict(mute=[], dog=[300], flute=[3000], both=[300, 3000])[kind]
    return np.float32(sum((.2 * np.sin(2 * np.pi * tone * time)
                           for tone in tones), 0 * time))


def audio_values(folder: str, kind: str) -> torch.Tensor:
    """What a CLAP's own extractor makes of it, (1, C, T, F)."""
    return AudioToModelInput(folder)(
        dict(waveform=wave(kind), sample_rate=RATE))['audio_values'][None]


def teach_clap(scorer, sounds: dict, sentences: list) -> None:
    """Set a CLAP's projections so that its answer is known, in place.

    Args:
        scorer (CLAPCueScorer): The CLAP.
        sounds (dict): By sentence the input (1, C, T, F) which it describes.
        sentences (list[str]): All sentences; they become different unit
            vectors, and each sound that of its sentence.
    """
    scorer.init_weights()
    scorer._texts.clear()
    model = scorer.model
    with torch.no_grad():
        texts = torch.cat(
            [model.text_model(**scorer.tokenize(sentence)).pooler_output
             for sentence in sentences])
        heard = torch.cat(
            [model.audio_model(
                 input_features=values,
                 is_longer=torch.zeros(1, 1, dtype=torch.bool)).pooler_output
             for values in sounds.values()])
        places = [sentences.index(sentence) for sentence in sounds]
        for projection, inputs, rows in (
            (model.text_projection, texts, range(len(sentences))),
            (model.audio_projection, heard, places)):
            width = projection.linear1.out_features
            target = torch.eye(width)[list(rows)]
            inputs = torch.cat([inputs, torch.ones(len(inputs), 1)], 1)
            solved = torch.linalg.lstsq(
                inputs.double(), target.double(), driver='gelsd').solution
            projection.linear1.weight.copy_(solved[:-1].T)
            projection.linear1.bias.copy_(solved[-1])
            projection.linear2.weight.copy_(torch.eye(width))
            projection.linear2.bias.zero_()


def write_clipseg(folder) -> str:
    """A CLIPSeg of three layers; its input is larger than the vision
    transformer was made for, as that of the published ones."""
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation
    tokens = write_clip_tokenizer(folder, 77)
    width = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=3,
                 num_attention_heads=2)
    model = CLIPSegForImageSegmentation(
        CLIPSegConfig(text_config=dict(width, **tokens),
                      vision_config=dict(width, image_size=32, patch_size=8),
                      projection_dim=16, extract_layers=[0, 1, 2],
                      reduce_dim=8, decoder_num_attention_heads=2,
                      decoder_intermediate_size=16))
    widen(model).save_pretrained(folder)
    _write_processor(folder, image_processor_type='ViTImageProcessor',
                     processor_class='CLIPSegProcessor',
                     size=dict(height=48, width=48))
    return str(folder)


def write_sam3(folder, video: bool = False) -> str:
    """A SAM 3 of two layers; as published, in the file of a ``video``
    model, whose part it is."""
    from transformers import (Sam3Config, Sam3Model, Sam3VideoConfig,
                              Sam3VideoModel)
    tokens = write_clip_tokenizer(folder, 32)
    width = dict(hidden_size=32, num_attention_heads=2, intermediate_size=48)
    config = Sam3Config(
        vision_config=dict(
            backbone_config=dict(
                model_type='sam3_vit_model', num_hidden_layers=2,
                image_size=56, patch_size=14, pretrain_image_size=28,
                window_size=2, global_attn_indexes=[1], **width),
            fpn_hidden_size=32,
            backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]]),
        text_config=dict(model_type='clip_text_model', num_hidden_layers=1,
                         projection_dim=16, **tokens, **width),
        geometry_encoder_config=dict(num_layers=1, **width),
        detr_encoder_config=dict(num_layers=1, **width),
        detr_decoder_config=dict(num_layers=2, num_queries=5, **width),
        mask_decoder_config=dict(hidden_size=32, num_attention_heads=2))
    if video:
        model = Sam3VideoModel(
            Sam3VideoConfig(
                detector_config=config.to_dict(), tracker_config=dict(
                    vision_config=config.vision_config.to_dict(),
                    memory_attention_num_layers=1,
                    memory_attention_hidden_size=32,
                    memory_attention_num_attention_heads=1,
                    memory_attention_feed_forward_hidden_size=32)))
        widen(model.detector_model)
    else:
        model = Sam3Model(config)
        widen(model)
    model.save_pretrained(folder)
    _write_processor(folder, image_mean=[0.5] * 3, image_std=[0.5] * 3,
                     image_processor_type='Sam3ImageProcessorFast',
                     processor_class='Sam3Processor',
                     size=dict(height=56, width=56))
    return str(folder)


def write_grounding_dino(folder) -> str:
    """A small Grounding DINO, with BERT's special tokens where
    the model expects them."""
    from transformers import (BertConfig, GroundingDinoConfig,
                              GroundingDinoForObjectDetection, SwinConfig)
    vocab = [f'[unused{i}]' for i in range(1100)]
    letters = 'abcdefghijklmnopqrstuvwxyz'
    for i, letter in enumerate(letters):
        vocab[200 + i], vocab[300 + i] = letter, f'##{letter}'
    for token, place in {'[PAD]': 0, '[UNK]': 100, '[CLS]': 101, '[SEP]': 102,
                         '[MASK]': 103, '.': 1012, '?': 1029}.items():
        vocab[place] = token
    folder = Path(folder)
    write_json(folder, 'tokenizer_config.json',
               dict(tokenizer_class='BertTokenizer', model_max_length=256,
                    do_lower_case=True))
    (folder / 'vocab.txt').write_text('\n'.join(vocab))
    model = GroundingDinoForObjectDetection(
        GroundingDinoConfig(
            backbone_config=SwinConfig(
                image_size=64, embed_dim=8, depths=[1, 1, 1, 1],
                num_heads=[1, 2, 2, 2], window_size=2, out_indices=[2, 3, 4]),
            text_config=BertConfig(vocab_size=len(vocab), hidden_size=16,
                                   num_hidden_layers=1, num_attention_heads=2,
                                   intermediate_size=16), d_model=32,
            num_queries=6, encoder_layers=1, decoder_layers=2,
            encoder_ffn_dim=16, decoder_ffn_dim=16, encoder_attention_heads=2,
            decoder_attention_heads=2))
    widen(model, 0.2).save_pretrained(folder)
    _write_processor(folder, do_pad=True,
                     image_processor_type='GroundingDinoImageProcessor',
                     processor_class='GroundingDinoProcessor',
                     size=dict(shortest_edge=64, longest_edge=96))
    return str(folder)


def write_sam(folder) -> str:
    """The SAM of tiny_sam.py, with its processor's file."""
    import tiny_sam
    tiny_sam.write_sam(folder)
    side = tiny_sam.IMG_SIZE
    _write_processor(folder, do_convert_rgb=True, do_pad=True,
                     image_processor_type='SamImageProcessor',
                     processor_class='SamProcessor',
                     pad_size=dict(height=side, width=side),
                     size=dict(longest_edge=side))
    return str(folder)


def write_all(folder) -> dict:
    """Write all of these models; their folders by name."""
    return {name: write(Path(folder, name)) for name, write in dict(
                clap=write_clap, clipseg=write_clipseg, sam3=write_sam3,
                dino=write_grounding_dino, sam=write_sam).items()}


def segmenter_configs(folders: dict) -> dict:
    """A config of each segmenter; nothing they find is too unsure."""
    return dict(
        clipseg=dict(type='CLIPSegSegmenter', pretrained=folders['clipseg']),
        sam3=dict(type='SAM3Segmenter', pretrained=folders['sam3'],
                  score_threshold=0.), grounded_sam=dict(
            type='GroundedSAMSegmenter',
            detector=dict(pretrained=folders['dino']),
            sam=dict(pretrained=folders['sam']), box_threshold=0.))
