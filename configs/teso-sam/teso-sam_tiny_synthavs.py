_base_ = [
    '../_base_/models/teso_sam_tiny.py', '../_base_/datasets/synthavs.py',
    '../_base_/schedules/synthavs_1600it.py', '../_base_/default_runtime.py'
]
