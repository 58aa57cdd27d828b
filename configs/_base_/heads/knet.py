# mmseg's K-Net: a head makes kernels, three stages update them. Leaf configs
# add widths and the head.
_base_ = ['./upernet.py']

kernel_updator = dict(
    type='KernelUpdator',
    act_cfg=dict(type='ReLU'),
    norm_cfg=dict(type='LN'))
kernel_update_head = dict(
    type='KernelUpdateHead',
    num_classes=2,
    num_ffn_fcs=2,
    num_mask_fcs=1,
    dropout=0.0,
    conv_kernel_size=1,
    ffn_act_cfg=dict(type='ReLU'),
    with_ffn=True,
    feat_transform_cfg=dict(conv_cfg=dict(type='Conv2d'), act_cfg=None))
