# Table G9, row 4, on the descriptions of captions_llava.py.
_base_ = './g9-01_few-shot-cot.py'
reasoner = dict(prompt='few_shot_direct')
cue_file = 'data/avsbench/cues_g9-04.jsonl'
