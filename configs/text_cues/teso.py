# TeSO's text cues: LLaVA-1.5-7B, LLaMA-2-7B, few-shot chain of thought
# (the paper's table G9, row 1).
_base_ = [
    '../_base_/text_cues/avsbench_frames.py',
    '../_base_/text_cues/llava_llama2.py'
]
cue_file = 'data/avsbench/cues.jsonl'
