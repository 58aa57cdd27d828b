_base_ = ['./_base_/auralsam2.py']

# a local copy of facebook/sam2-hiera-large
sam2 = dict(type='Pretrained', checkpoint='checkpoints/sam2-hiera-large')
model = dict(
    backbone=dict(
        hiera=dict(
            hidden_size=144,
            embed_dim_per_stage=[144, 288, 576, 1152],
            num_attention_heads_per_stage=[2, 4, 8, 16],
            blocks_per_stage=[2, 6, 36, 4],
            global_attention_blocks=[23, 33, 43],
            window_size_per_stage=[8, 4, 16, 8]),
        init_cfg=sam2),
    decode_head=dict(init_cfg=sam2))
