# ImageBind's text tower, the paper's text features:
#   python tools/extract_text_features.py configs/text_features/imagebind.py \
#       --cues data/avsbench/cues.jsonl --classes avsbench \
#       --out data/avsbench/cue_bank_imagebind.safetensors
# The weights (CC BY-NC-SA 4.0, non-commercial) are at
# https://dl.fbaipublicfiles.com/imagebind/imagebind_huge.pth
text_encoder = dict(
    type='ImageBindText',
    weights='checkpoints/imagebind_huge.pth',
    template='This is a {cue}.',
    scaled=True)
