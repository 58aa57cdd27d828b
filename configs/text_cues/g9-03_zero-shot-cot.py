# Table G9, row 3, on the descriptions of captions_llava.py.
_base_ = './g9-01_few-shot-cot.py'
reasoner = dict(prompt='zero_shot_cot')
cue_file = 'data/avsbench/cues_g9-03.jsonl'
