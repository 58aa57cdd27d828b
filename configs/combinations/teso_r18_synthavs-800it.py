# TeSO as the paper describes it, trained as long as the combinations.
_base_ = [
    '../_base_/models/teso_r18_tiny.py', '../_base_/datasets/synthavs.py',
    '../_base_/schedules/synthavs_800it.py', '../_base_/default_runtime.py'
]
