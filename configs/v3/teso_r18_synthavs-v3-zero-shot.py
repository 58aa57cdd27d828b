_base_ = [
    '../_base_/models/teso_r18_tiny.py', '../_base_/datasets/synthavs_v3.py',
    '../_base_/schedules/synthavs_1600it.py', '../_base_/default_runtime.py'
]
