# BAVS with Mask2Former (Swin-B, ADE20K) and AST's tags. AVSBench's masks show
# what sounds and not what is visible: the head learns those.
#   hf download MIT/ast-finetuned-audioset-10-10-0.4593 \
#       --local-dir checkpoints/ast-finetuned-audioset-10-10-0.4593
_base_ = ['../../../configs/teso/teso_swin-b_avss.py']
custom_imports = dict(
    imports=['mmteso', 'mmteso_bavs'], allow_failed_imports=False)

pretrained = 'checkpoints/ast-finetuned-audioset-10-10-0.4593'
model = dict(
    type='BAVSSegmentor',
    audio_encoder=dict(
        _delete_=True, type='AudioTagger', pretrained=pretrained),
    prompt_encoder=dict(_delete_=True, type='TagPrompt', audio_dims=71),
    latent_loss=None,
    decode_head=dict(pmqs=None))

load_sound = [
    dict(type='LoadAudioClip', clip_hop=1.0),
    dict(type='AudioToModelInput', pretrained=pretrained)
]
train_pipeline = [
    _base_.load_image, _base_.load_masks, *_base_.augmentation, *load_sound,
    _base_.pack
]
test_pipeline = [
    _base_.load_image, _base_.resize, _base_.load_masks, *load_sound,
    _base_.pack
]
tta_pipeline = [
    _base_.load_image, _base_.resize, *load_sound, _base_.flip_views
]
dataset = dict(subsets='v1m')
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **dataset))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, **dataset))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline, **dataset))
# scored as the binary task, as the paper's numbers are
val_evaluator = dict(_delete_=True, type='AVSMetric')
test_evaluator = [dict(type='AVSMetric'), dict(type='AVSSMetric')]
default_hooks = dict(checkpoint=dict(save_best='J'))
