# ours: linear text, a mask for each class that sounds, and pixels that attend
# to what sounds
_base_ = ['./linear-text.py']

model = dict(
    decode_head=dict(
        targets='class',
        fusion=dict(prompt_dims=256, embed_dims=64, hidden_dims=256)))
load_masks = dict(_base_.load_masks, load_classes=True)
train_pipeline = [
    _base_.load_image, load_masks, *_base_.augmentation, *_base_.load_sound,
    *_base_.load_cues, _base_.pack
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
