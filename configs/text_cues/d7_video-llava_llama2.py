# Table D7, row 3: a captioner that sees the whole clip. The paper's
# VideoLLaMA-7B is not in transformers; LLaVA-NeXT-Video stands in its place.
# Not run with real weights.
_base_ = './teso.py'
captioner = dict(
    _delete_=True,
    type='VideoCaptioner',
    model='llava-hf/LLaVA-NeXT-Video-7B-hf',
    prompt='caption_paper',
    dtype='bfloat16')
cue_file = 'data/avsbench/cues_d7-video-llava-llama2.jsonl'
