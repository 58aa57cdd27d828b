# As clap-clipseg_v1m.py with Grounding DINO's boxes and SAM's masks:
#   hf download IDEA-Research/grounding-dino-tiny \
#       --local-dir checkpoints/grounding-dino-tiny
#   hf download facebook/sam-vit-base --local-dir checkpoints/sam-vit-b
_base_ = ['./clap-clipseg_v1m.py']

model = dict(
    segmenter=dict(
        _delete_=True,
        type='GroundedSAMSegmenter',
        detector=dict(pretrained='checkpoints/grounding-dino-tiny'),
        sam=dict(pretrained='checkpoints/sam-vit-b')))
