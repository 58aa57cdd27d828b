# For plain heads behind AudioTextFusion, ours: AdamW with 6e-5 for a backbone
# from ImageNet, as mmseg trains Swin and MiT, and ten times that for all that
# starts from nothing.
_base_ = ['./teso_60e.py']

optim_wrapper = dict(
    optimizer=dict(lr=6e-4, weight_decay=0.01),
    clip_grad=dict(max_norm=1.0, norm_type=2))
