# With the cue loss, which is ours and not the paper's: it trains the score by
# which the dynamic mask selects, from labels that the paper does not use.
_base_ = ['./teso_efficientnet-lite0_cutouts.py']

model = dict(
    cue_loss=dict(type='CueLoss', threshold=0.0, loss_weight=1.0))
load_cues = [dict(
    type='LoadTextCues', num_cues=_base_.num_cues, cue_target='mask')]
train_pipeline = [
    _base_.load_image, _base_.load_masks, *_base_.augmentation,
    *_base_.load_sound, *load_cues, _base_.pack
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
