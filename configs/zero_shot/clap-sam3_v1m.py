# As clap-clipseg_v1m.py with SAM 3. Access to its weights is asked for on
# https://huggingface.co/facebook/sam3; then
#   hf download facebook/sam3 --local-dir checkpoints/sam3
_base_ = ['./clap-clipseg_v1m.py']

model = dict(
    segmenter=dict(
        _delete_=True, type='SAM3Segmenter', pretrained='checkpoints/sam3'))
