# Copyright (c) mmteso contributors. All rights reserved.
import pytest
import torch
from transformers import Sam2VideoConfig, Sam2VideoModel

WIDTH = 16
#: Fields of Sam2HieraDetConfig.
HIERA = dict(
    hidden_size=8,
    embed_dim_per_stage=[8, 16, 32, 64],
    num_attention_heads_per_stage=[1, 1, 2, 4],
    blocks_per_stage=[1, 1, 2, 1],
    global_attention_blocks=[3],
    window_size_per_stage=[4, 4, 4, 2],
    window_positional_embedding_background_size=[4, 4])
#: Fields of Sam2MaskDecoderConfig.
DECODER = dict(
    hidden_size=WIDTH,
    mlp_dim=WIDTH,
    num_attention_heads=2,
    iou_head_hidden_dim=WIDTH)
MEMORY = dict(
    memory_attention_hidden_size=WIDTH,
    memory_attention_num_layers=1,
    memory_attention_feed_forward_hidden_size=WIDTH,
    memory_encoder_hidden_size=WIDTH,
    memory_encoder_output_channels=WIDTH,
    mask_downsampler_embed_dim=WIDTH,
    memory_fuser_num_layers=1,
    memory_fuser_embed_dim=WIDTH,
    memory_fuser_intermediate_dim=WIDTH)


@pytest.fixture(scope='session')
def narrow_sam2():
    """Width, and the fields of Hiera and of the decoder."""
    return WIDTH, HIERA, DECODER


@pytest.fixture(scope='session')
def sam2_folder(tmp_path_factory):
    """A small SAM 2 with random weights, as the Hub has it: with a memory."""
    folder = str(tmp_path_factory.mktemp('sam2'))
    model = Sam2VideoModel(
        Sam2VideoConfig(
            vision_config=dict(
                backbone_config=dict(
                    HIERA, model_type='sam2_hiera_det_model'),
                backbone_channel_list=[64, 32, 16, 8],
                fpn_hidden_size=WIDTH,
                backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]]),
            prompt_encoder_config=dict(hidden_size=WIDTH, image_size=64),
            mask_decoder_config=DECODER,
            **MEMORY))
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # wide, so that each weight shows in the output
            noise = 0.3 * torch.randn(parameter.shape, generator=rng)
            norm = 'norm' in name and name.endswith('weight')
            parameter.copy_(noise + norm)
    model.save_pretrained(folder)
    return folder
