# Zero-shot [ours]: CLAP hears which cues sound, CLIPSeg finds them in the
# picture; nothing is trained (docs/zero_shot.md). Not run yet with the real
# weights:
#   hf download laion/clap-htsat-unfused \
#       --local-dir checkpoints/clap-htsat-unfused
#   hf download CIDAS/clipseg-rd64-refined \
#       --local-dir checkpoints/clipseg-rd64-refined
# The names on the Hub instead of the folders will do as well.
_base_ = [
    '../_base_/datasets/avsbench_binary.py', '../_base_/default_runtime.py'
]

clap = 'checkpoints/clap-htsat-unfused'
model = dict(
    type='ZeroShotAVS',
    data_preprocessor=dict(type='AVTDataPreProcessor', bgr_to_rgb=True),
    cue_scorer=dict(type='CLAPCueScorer', pretrained=clap),
    segmenter=dict(
        type='CLIPSegSegmenter',
        pretrained='checkpoints/clipseg-rd64-refined'))

# CLAP hears 10 s and repeats what is shorter, one second ten times. A longer
# window, up to 10 s, is more like what it was trained on, and also hears what
# sounds before and after the frame.
load_sound = [
    dict(type='LoadAudioClip', clip_hop=1.0, sample_rate=48000, window=1.0),
    dict(type='AudioToModelInput', pretrained=clap),
    dict(type='MeasureSoundLevel')
]
# pictures at their own size: each model resizes them as its processor does
test_pipeline = [
    _base_.load_image, _base_.load_masks, *load_sound, *_base_.load_cues,
    _base_.pack
]
tta_pipeline = [
    _base_.load_image, *load_sound, *_base_.load_cues, _base_.flip_views
]
dataset = dict(cue_bank=None)  # words are enough
test_dataloader = dict(dataset=dict(pipeline=test_pipeline, **dataset))
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50),
    visualization=dict(type='AVSVisualizationHook'),
    class_check=dict(type='ClassCheckHook'))
# nothing to train, nothing to choose
train_dataloader = None
val_dataloader = None
val_evaluator = None
