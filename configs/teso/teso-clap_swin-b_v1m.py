# CLAP's audio tower in VGGish's place [ours]. Not run yet with the real
# weights, which are a folder: hf download laion/clap-htsat-unfused \
#     --local-dir checkpoints/clap-htsat-unfused
_base_ = ['./teso-ast_swin-b_v1m.py']

pretrained = 'checkpoints/clap-htsat-unfused'
model = dict(
    audio_encoder=dict(pretrained=pretrained),
    prompt_encoder=dict(audio_dims=512))
sound = [
    dict(type='LoadAudioClip', clip_hop=1.0, sample_rate=48000),
    dict(type='AudioToModelInput', pretrained=pretrained)
]
train_pipeline = _base_.train_pipeline
train_pipeline[4:6] = sound
test_pipeline = _base_.test_pipeline
test_pipeline[3:5] = sound
tta_pipeline = _base_.tta_pipeline
tta_pipeline[2:4] = sound
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
