# mmseg's SegFormer head. Leaf configs add channels.
segformer_head = dict(
    type='SegformerHead',
    in_index=[0, 1, 2, 3],
    num_classes=2,
    norm_cfg=dict(type='BN', requires_grad=True),
    align_corners=False,
    loss_decode=dict(type='CrossEntropyLoss', loss_weight=1.0))
