# AST in VGGish's place [ours]. Not run yet with the real weights:
#   hf download MIT/ast-finetuned-audioset-10-10-0.4593 \
#       --local-dir checkpoints/ast-finetuned-audioset-10-10-0.4593
# The name on the Hub instead of the folder will do as well.
_base_ = ['./teso_swin-b_v1m.py']

pretrained = 'checkpoints/ast-finetuned-audioset-10-10-0.4593'
model = dict(
    audio_encoder=dict(
        _delete_=True,
        type='TransformersAudioEncoder',
        pretrained=pretrained,
        pool='pooler'),
    prompt_encoder=dict(audio_dims=768))
load_sound = [
    dict(type='LoadAudioClip', clip_hop=1.0),
    dict(type='AudioToModelInput', pretrained=pretrained)
]
train_pipeline = [
    _base_.load_image, _base_.load_masks, *_base_.augmentation, *load_sound,
    *_base_.load_cues, _base_.pack
]
test_pipeline = [
    _base_.load_image, _base_.resize, _base_.load_masks, *load_sound,
    *_base_.load_cues, _base_.pack
]
tta_pipeline = [
    _base_.load_image, _base_.resize, *load_sound, *_base_.load_cues,
    _base_.flip_views
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
