# mmseg's Segmenter, the mask transformer. Leaf configs add widths.
segmenter_head = dict(
    type='SegmenterMaskTransformerHead',
    num_classes=2,
    num_layers=2,
    dropout_ratio=0.0,
    loss_decode=dict(type='CrossEntropyLoss', loss_weight=1.0))
