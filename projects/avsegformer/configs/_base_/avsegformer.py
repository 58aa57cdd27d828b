# Model and recipe of AVSegFormer, for AVSBench. Leaf configs choose backbone
# and subset.
_base_ = ['../../../_base_/avsbench.py']
custom_imports = dict(
    imports=['mmteso', 'mmteso_avsegformer'], allow_failed_imports=False)

model = dict(
    prompt_encoder=dict(_delete_=True, type='AudioProjectionPrompt'),
    decode_head=dict(type='AVSegFormerHead'))

train_dataloader = dict(batch_size=10)  # the release's two clips of five

optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    constructor='TrainableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=2e-5))
train_cfg = dict(max_epochs=60)
auto_scale_lr = dict(base_batch_size=10)
