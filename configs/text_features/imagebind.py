# ImageBind's text tower, the paper's text features:
#   python tools/extract_text_features.py configs/text_features/imagebind.py \
#       --cues data/avsbench/cues.jsonl --classes avsbench \
#       --out data/avsbench/cue_bank_imagebind.safetensors
# The weights (CC BY-NC-SA 4.0, non-commercial) are at
# https://dl.fbaipublicfiles.com/imagebind/imagebind_huge.pth; what
# tools/model_converters/imagebind_text_to_clip.py makes of them will do.
text_encoder = dict(
    type='ImageBindText',
    weights='checkpoints/imagebind_huge.pth',
    template='This is a {cue}.',
    scaled=True)
