# The label-filter baseline (paper: J 64.15 normal, 43.37 muted, 43.09 under
# WGN-40): a semantic model that hears through the audio alone and reads no
# text; at test time, predictions of a class that is not among the frame's cues
# are dropped. An empty cue list drops everything.
_base_ = ['../../teso/teso_swin-b_avss.py']

model = dict(
    type='LabelFilterSegmentor',
    prompt_encoder=dict(
        _delete_=True,
        type='AudioPrompt',
        audio_dims=128,
        embed_dims=1024,
        hidden_dims=2048,
        num_latents=4))
# the cues' words alone, and these not in training
load_cues = [*_base_.load_cues, dict(type='CuesToClasses')]
train_pipeline = [
    _base_.load_image, _base_.load_masks, *_base_.augmentation,
    *_base_.load_sound, _base_.pack
]
test_pipeline = [
    _base_.load_image, _base_.resize, _base_.load_masks, *_base_.load_sound,
    *load_cues, _base_.pack
]
tta_pipeline = [
    _base_.load_image, _base_.resize, *_base_.load_sound, *load_cues,
    _base_.flip_views
]
dataset = dict(subsets='v1m', cue_bank=None)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **dataset))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, **dataset))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline, **dataset))
# scored as the binary task, as the paper's numbers are
val_evaluator = dict(_delete_=True, type='AVSMetric')
test_evaluator = [dict(type='AVSMetric'), dict(type='AVSSMetric')]
default_hooks = dict(checkpoint=dict(save_best='J'))
