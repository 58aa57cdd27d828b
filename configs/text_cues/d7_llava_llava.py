# Table D7, row 2: LLaVA reasons about its own descriptions.
_base_ = './teso.py'
reasoner = dict(
    _delete_=True,
    type='CaptionerReasoner',
    model='llava-hf/llava-1.5-7b-hf',
    prompt='few_shot_cot',
    num_cues=4,
    dtype='bfloat16')
cue_file = 'data/avsbench/cues_d7-llava-llava.jsonl'
