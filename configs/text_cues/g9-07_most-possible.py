# Table G9, row 7, on the descriptions of captions_llava.py.
_base_ = './g9-01_few-shot-cot.py'
reasoner = dict(prompt='most_possible')
cue_file = 'data/avsbench/cues_g9-07.jsonl'
