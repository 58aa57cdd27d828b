# Table G9, row 8, on the descriptions of captions_llava.py.
_base_ = './g9-01_few-shot-cot.py'
reasoner = dict(prompt='any_objects')
cue_file = 'data/avsbench/cues_g9-08.jsonl'
