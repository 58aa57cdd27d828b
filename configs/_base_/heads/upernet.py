# mmseg's UPerNet, and the auxiliary head that trains beside it. Leaf configs
# add channels.
upernet_head = dict(
    type='UPerHead',
    in_index=[0, 1, 2, 3],
    pool_scales=(1, 2, 3, 6),
    num_classes=2,
    norm_cfg=dict(type='BN', requires_grad=True),
    align_corners=False,
    loss_decode=dict(type='CrossEntropyLoss', loss_weight=1.0))
fcn_auxiliary_head = dict(
    type='FCNHead',
    in_index=2,
    num_convs=1,
    concat_input=False,
    num_classes=2,
    norm_cfg=dict(type='BN', requires_grad=True),
    align_corners=False,
    loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4))
