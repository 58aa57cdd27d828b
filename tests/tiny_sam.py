# Copyright (c) mmteso contributors. All rights reserved.
"""A small random SAM of transformers, in the layout of the real ones."""
from tiny_hf import widen

IMG_SIZE, WIDTH = 64, 32
#: Fields of SamVisionConfig; narrow.py's SAM has the same.
VISION = dict(hidden_size=16, output_channels=WIDTH, num_hidden_layers=3,
              num_attention_heads=2, patch_size=8, window_size=3,
              global_attn_indexes=[1], initializer_range=0.1)
#: Fields of SamMaskDecoderConfig.
DECODER = dict(hidden_size=WIDTH, mlp_dim=WIDTH, num_attention_heads=4,
               iou_head_hidden_dim=WIDTH, layer_norm_eps=1e-5)


def write_sam(folder) -> str:
    """Write a SAM of three layers with random weights; the folder."""
    from transformers import SamConfig, SamModel
    model = SamModel(
        SamConfig(
            vision_config=dict(
                VISION, image_size=IMG_SIZE, num_pos_feats=WIDTH // 2),
            prompt_encoder_config=dict(
                hidden_size=WIDTH, image_size=IMG_SIZE, patch_size=8),
            mask_decoder_config=DECODER))
    widen(model).save_pretrained(folder)
    return str(folder)
