# Table G9, row 10, on the descriptions of captions_llava.py.
_base_ = './g9-01_few-shot-cot.py'
reasoner = dict(prompt='random_object')
cue_file = 'data/avsbench/cues_g9-10.jsonl'
