_base_ = [
    '../_base_/models/teso_mask2former_swin-l.py',
    '../_base_/datasets/avsbench_binary.py',
    '../_base_/schedules/teso_60e.py', '../_base_/default_runtime.py'
]
