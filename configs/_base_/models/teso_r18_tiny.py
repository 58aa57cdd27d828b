# A narrow Mask2Former on a random ResNet-18, for SynthAVS: small enough to
# train from nothing on two CPU cores.
_base_ = ['./teso_mask2former_swin-b.py']

text_dims = 128
embed_dims = 256  # D
feat_channels = 64
attention = dict(embed_dims=feat_channels, num_heads=4)
positional_encoding = dict(num_feats=feat_channels // 2)
ffn = dict(embed_dims=feat_channels, feedforward_channels=256)
data_preprocessor = dict(size=None, size_divisor=32, channels_last=True)
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=18,
        stem_channels=32,
        base_channels=32,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        norm_cfg=dict(type='BN', requires_grad=True),
        style='pytorch'),
    audio_encoder=dict(_delete_=True, type='LogMelStats'),
    prompt_encoder=dict(
        text_dims=text_dims, embed_dims=embed_dims, hidden_dims=512),
    # nothing is pretrained: everything trains, nothing is adapted
    adapters=None,
    frozen=[],
    decode_head=dict(
        in_channels=[32, 64, 128, 256],
        feat_channels=feat_channels,
        out_channels=feat_channels,
        num_queries=16,
        pmqs=dict(
            prompt_dims=embed_dims, query_dims=feat_channels,
            hidden_dims=256),
        pixel_decoder=dict(
            norm_cfg=dict(num_groups=8),
            encoder=dict(
                num_layers=1,
                layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=ffn)),
            positional_encoding=positional_encoding),
        positional_encoding=positional_encoding,
        transformer_decoder=dict(
            num_layers=3,
            layer_cfg=dict(
                self_attn_cfg=attention, cross_attn_cfg=attention,
                ffn_cfg=ffn)),
        train_cfg=dict(num_points=1024)))
load_from = None
