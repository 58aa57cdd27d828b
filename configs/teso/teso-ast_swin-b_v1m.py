# AST in VGGish's place [ours]. Not run yet with the real weights, which are a
# folder: hf download MIT/ast-finetuned-audioset-10-10-0.4593 \
#     --local-dir checkpoints/ast-finetuned-audioset-10-10-0.4593
_base_ = ['./teso_swin-b_v1m.py']

pretrained = 'checkpoints/ast-finetuned-audioset-10-10-0.4593'
model = dict(
    audio_encoder=dict(
        _delete_=True,
        type='TransformersAudioEncoder',
        pretrained=pretrained,
        pool='pooler'),
    prompt_encoder=dict(audio_dims=768))
front_end = dict(type='AudioToModelInput', pretrained=pretrained)
train_pipeline = _base_.train_pipeline
train_pipeline[5] = front_end
test_pipeline = _base_.test_pipeline
test_pipeline[4] = front_end
tta_pipeline = _base_.tta_pipeline
tta_pipeline[3] = front_end
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
