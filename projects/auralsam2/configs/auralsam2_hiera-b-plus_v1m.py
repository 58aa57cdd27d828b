_base_ = ['./_base_/auralsam2.py']

# a local copy of facebook/sam2-hiera-base-plus
sam2 = dict(type='Pretrained', checkpoint='checkpoints/sam2-hiera-base-plus')
model = dict(
    backbone=dict(
        hiera=dict(
            hidden_size=112,
            embed_dim_per_stage=[112, 224, 448, 896],
            num_attention_heads_per_stage=[2, 4, 8, 16],
            blocks_per_stage=[2, 3, 16, 3],
            global_attention_blocks=[12, 16, 20],
            window_positional_embedding_background_size=[14, 14]),
        init_cfg=sam2),
    decode_head=dict(init_cfg=sam2))
