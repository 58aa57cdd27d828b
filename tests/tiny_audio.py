# Copyright (c) mmteso contributors. All rights reserved.
"""Small random audio models of transformers, and a BEATs checkpoint."""
import torch

#: A BEATs of two layers.
BEATS_SMALL = dict(embed_dim=16, encoder_layers=2, encoder_embed_dim=32,
                   encoder_ffn_embed_dim=48, encoder_attention_heads=4,
                   conv_pos=16, conv_pos_groups=4)


def _save(folder, model, extractor) -> str:
    model.eval().save_pretrained(folder)
    extractor.save_pretrained(folder)
    return str(folder)


def write_ast(folder) -> str:
    """Write an AST of two layers, whose extractor pads to 1.28 s."""
    from transformers import ASTConfig, ASTFeatureExtractor, ASTModel
    torch.manual_seed(0)
    model = ASTModel(
        ASTConfig(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=48,
            max_length=128,
            num_mel_bins=64,
            # wide, so that different sounds give different outputs
            initializer_range=0.3))
    return _save(folder, model,
                 ASTFeatureExtractor(max_length=128, num_mel_bins=64))


def write_clap(folder, fusion: bool = False) -> str:
    """Write a CLAP, both towers, that hears 2 s at 48 kHz.

    Args:
        folder (str | Path): Where.
        fusion (bool): As clap-htsat-fused, else as clap-htsat-unfused.
    """
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel
    settings = dict(spec_size=64, num_mel_bins=16, patch_embeds_hidden_size=8,
                    hidden_size=16, depths=[1, 1], num_attention_heads=[2, 4],
                    window_size=4, enable_fusion=fusion, fusion_type='aff_2d'
                    if fusion else None, initializer_factor=10.)
    text = dict(vocab_size=8, hidden_size=8, num_hidden_layers=1,
                num_attention_heads=1, intermediate_size=8)
    torch.manual_seed(0)
    model = ClapModel(ClapConfig(text_config=text, audio_config=settings,
                                 projection_dim=24))
    return _save(folder, model,
                 ClapFeatureExtractor(feature_size=16, max_length_s=2,
                                      truncation='fusion' if fusion
                                      else 'rand_trunc'))


def write_wav2vec2(folder) -> str:
    """Write a Wav2Vec2 of two layers."""
    from transformers import (Wav2Vec2Config, Wav2Vec2FeatureExtractor,
                              Wav2Vec2Model)
    torch.manual_seed(0)
    model = Wav2Vec2Model(
        Wav2Vec2Config(hidden_size=32, num_hidden_layers=2,
                       num_attention_heads=4, intermediate_size=48,
                       conv_dim=(16, ) * 7, num_conv_pos_embeddings=16,
                       num_conv_pos_embedding_groups=4))
    return _save(folder, model, Wav2Vec2FeatureExtractor(do_normalize=False))


def write_whisper(folder) -> str:
    """Write a Whisper of two layers that hears 2 s."""
    from transformers import (WhisperConfig, WhisperFeatureExtractor,
                              WhisperForConditionalGeneration)
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(
        WhisperConfig(vocab_size=32, d_model=32, encoder_layers=2,
                      decoder_layers=1, encoder_attention_heads=4,
                      decoder_attention_heads=4, encoder_ffn_dim=48,
                      decoder_ffn_dim=48, max_source_positions=100,
                      pad_token_id=0, bos_token_id=1, eos_token_id=2,
                      decoder_start_token_id=1, begin_suppress_tokens=None))
    return _save(folder, model, WhisperFeatureExtractor(chunk_length=2))


def write_config_only(folder, kind: str) -> str:
    """Write the JSON files of a full-size 'ast' or 'clap', no weights."""
    import transformers
    name = dict(ast='AST', clap='Clap')[kind]
    for part in ('Config', 'FeatureExtractor'):
        getattr(transformers, name + part)().save_pretrained(folder)
    return str(folder)


def write_beats(path, finetuned: bool = False, **changes) -> str:
    """Write a checkpoint as BEATs' authors publish theirs.

    Needs SpeechBrain, whose model has their weights' names but for
    ``encoder.pos_conv.0.weight_{g,v}``.

    Args:
        path (str | Path): Where.
        finetuned (bool): With a classifier.
        **changes: Of ``cfg``.
    """
    from mmteso.models import BEATs
    torch.manual_seed(0)
    model = BEATs(dict(BEATS_SMALL, **changes))
    state = {}
    names = {'original0': 'weight_g', 'original1': 'weight_v'}
    for key, value in model.state_dict().items():
        for new, old in names.items():
            key = key.replace(f'parametrizations.weight.{new}', old)
        state[key] = value
    cfg = dict(model.cfg, finetuned_model=finetuned, predictor_class=5,
               dropout=0.1, encoder_layerdrop=0.05)
    if finetuned:
        state['predictor.weight'] = torch.randn(5, model.embed_dims)
        state['predictor.bias'] = torch.randn(5)
    torch.save(dict(cfg=cfg, model=state), path)
    return str(path)
