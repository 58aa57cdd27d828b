# A small SAM, for SynthAVS: trained from nothing on two CPU cores.
_base_ = ['./teso_sam_vit-b.py']

text_dims = 128
embed_dims = 256  # D
feat_channels = 64
img_size = (96, 96)
data_preprocessor = dict(size=img_size, test_cfg=dict(size=img_size))
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(
        img_size=img_size[0],
        vision_config=dict(
            hidden_size=96,
            output_channels=feat_channels,
            num_hidden_layers=4,
            num_attention_heads=4,
            patch_size=8,
            window_size=6,
            global_attn_indexes=[1, 3],
            initializer_range=0.02),
        init_cfg=None),
    audio_encoder=dict(_delete_=True, type='LogMelStats'),
    prompt_encoder=dict(
        text_dims=text_dims, embed_dims=embed_dims, hidden_dims=512),
    # nothing is pretrained: everything trains, nothing is adapted
    adapters=None,
    frozen=[],
    decode_head=dict(
        decoder_config=dict(
            hidden_size=feat_channels,
            mlp_dim=256,
            num_attention_heads=4,
            iou_head_hidden_dim=feat_channels),
        pmqs=dict(
            prompt_dims=embed_dims, query_dims=feat_channels,
            hidden_dims=256),
        num_points=1024,
        init_cfg=None))
