# GAVS, narrow, on SynthAVS: small enough to train from nothing on a CPU.
_base_ = ['../../_base_/synthavs.py']
custom_imports = dict(
    imports=['mmteso', 'mmteso_gavs'], allow_failed_imports=False)

feat_channels = 64
model = dict(
    neck=dict(
        type='SummedPyramid',
        in_channels=[32, 64, 128, 256],
        out_channels=feat_channels),
    prompt_encoder=dict(_delete_=True, type='AudioFeaturePrompt'),
    # No SAM to keep: its decoder, narrow, trains from nothing, too. The
    # paper's cross entropy teaches silent frames, one in seven, as they are.
    decode_head=dict(
        type='GAVSHead',
        decoder_config=dict(
            hidden_size=feat_channels,
            mlp_dim=256,
            num_attention_heads=4,
            iou_head_hidden_dim=feat_channels),
        sap=dict(hidden_dims=256),
        loss_align=dict(type='AudioVisualTripletLoss')))
